#include "index/index_config.h"

#include <fmt/format.h>

namespace orthant {

Status validate(const IndexConfig& config) {
  if (config.dim < 1 || config.dim > kMaxDim) {
    return invalid_argument(fmt::format("vector size {}: expected 1 to {}", config.dim, kMaxDim));
  }
  if (!(config.target_recall > 0 && config.target_recall <= 1)) {
    return invalid_argument(fmt::format("target_recall {}: expected more than 0 and at most 1", config.target_recall));
  }
  return {};
}

std::string_view metric_name(Metric metric) {
  switch (metric) {
    case Metric::kCosine: return "Cosine";
    case Metric::kDot: return "Dot";
    case Metric::kEuclid: return "Euclid";
    case Metric::kManhattan: return "Manhattan";
  }
  return "Cosine";
}

}  // namespace orthant
