#include "index/prepared_query.h"

#include <cmath>

#include "index/sign_quantizer.h"
#include "index/vector_sums.h"

namespace orthant {

void normalize(std::span<float> vector) {
  const double squares = sum_of_products(vector, vector);
  if (squares == 0) return;
  const double inverse_norm = 1 / std::sqrt(squares);
  for (float& value : vector) value = static_cast<float>(value * inverse_norm);
}

PreparedQuery prepare_query(Metric metric, const BinaryQuantizer* quantizer, std::span<const float> query, QueryForms forms,
                            const DimensionRanges* int8_ranges) {
  PreparedQuery prepared;
  prepared.metric = metric;
  prepared.floats.assign(query.begin(), query.end());
  if (metric == Metric::kCosine) normalize(prepared.floats);
  prepared.squared_norm = squared_norm(prepared.floats);
  if (forms.weights || forms.estimate) prepared.code = quantizer->code_query(prepared.floats);
  if (forms.estimate) prepared.estimate = make_estimate_tables(prepared.code);
  if (forms.hamming) prepared.hamming = quantizer->hamming_tables(prepared.floats);
  if (forms.int8 && int8_ranges == nullptr) prepared.int8 = quantize_query(prepared.floats);
  if (forms.int8 && int8_ranges != nullptr) int8_ranges->quantize_query(prepared.floats, prepared.int8);
  if (forms.bits) {
    prepared.bits.resize((query.size() + 7) / 8);
    write_sign_code(query, prepared.bits);
  }
  return prepared;
}

PreparedQuery with_estimate_tables(const PreparedQuery& query) {
  PreparedQuery result;
  result.metric = query.metric;
  result.floats = query.floats;
  result.squared_norm = query.squared_norm;
  result.code = query.code;
  result.estimate = make_estimate_tables(query.code);
  return result;
}

}  // namespace orthant
