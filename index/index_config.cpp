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
  if (config.code_bits != 1 && config.code_bits != 2 && config.code_bits != 4) {
    return invalid_argument(fmt::format("code_bits {}: expected 1, 2 or 4", config.code_bits));
  }
  if (!(config.int8_quantile >= 0.5 && config.int8_quantile <= 1)) {
    return invalid_argument(fmt::format("quantile {}: expected 0.5 to 1", config.int8_quantile));
  }
  if (config.binary_codes == BinaryCodes::kSign && config.code_bits != 1) {
    return invalid_argument(fmt::format("code_bits {}: sign codes have 1 bit a dimension", config.code_bits));
  }
  return {};
}

std::size_t vector_bytes(VectorForm form, std::size_t dim) {
  switch (form) {
    case VectorForm::kFloat32: return dim * sizeof(float);
    case VectorForm::kInt8: return dim;
    case VectorForm::kUbinary: return (dim + 7) / 8;
  }
  return 0;
}

std::string_view code_residency_name(CodeResidency residency) {
  switch (residency) {
    case CodeResidency::kAuto: return "auto";
    case CodeResidency::kMemory: return "memory";
    case CodeResidency::kDisk: return "disk";
  }
  return "auto";
}

std::string_view binary_codes_name(BinaryCodes codes) {
  switch (codes) {
    case BinaryCodes::kAuto: return "auto";
    case BinaryCodes::kSign: return "sign";
    case BinaryCodes::kRotated: return "rotated";
    case BinaryCodes::kLearned: return "learned";
  }
  return "auto";
}

std::string_view int8_codes_name(Int8Codes codes) {
  switch (codes) {
    case Int8Codes::kVector: return "vector";
    case Int8Codes::kDimension: return "dimension";
  }
  return "vector";
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

std::string_view structure_name(IndexStructure structure) {
  switch (structure) {
    case IndexStructure::kAuto: return "auto";
    case IndexStructure::kFlat: return "flat";
    case IndexStructure::kGraph: return "graph";
    case IndexStructure::kLists: return "lists";
  }
  return "auto";
}

}  // namespace orthant
