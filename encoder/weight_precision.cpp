#include "encoder/weight_precision.h"

#include <array>

#include <fmt/format.h>

namespace orthant {
namespace {

constexpr std::array<std::string_view, 8> kNames = {"auto", "float32", "bfloat16", "float16", "int8", "int4", "nf4", "mixed"};

}  // namespace

Result<WeightPrecision> parse_weight_precision(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<WeightPrecision>(i);
  }
  return invalid_argument(fmt::format("weight precision: found \"{}\", expected {}", name, fmt::join(kNames, ", ")));
}

std::string_view weight_precision_name(WeightPrecision precision) {
  return kNames[static_cast<std::size_t>(precision)];
}

}  // namespace orthant
