#include "index/quantizer.h"

#include "index/sign_quantizer.h"

namespace orthant {

EstimateTables make_estimate_tables(const CodeQuery& query) {
  return {make_signed_sum_tables(query.weights), query.constant};
}

std::unique_ptr<const BinaryQuantizer> make_binary_quantizer(const IndexConfig& config) {
  return std::make_unique<SignQuantizer>(config.dim, config.metric == Metric::kDot || config.metric == Metric::kEuclid);
}

}  // namespace orthant
