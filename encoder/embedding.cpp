#include "encoder/embedding.h"

#include <array>
#include <string>

namespace orthant {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"float32", "int8", "uint8", "binary", "ubinary"};

}  // namespace

Result<OutputPrecision> parse_output_precision(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<OutputPrecision>(i);
  }
  return invalid_argument("precision '" + std::string(name) + "': expected float32, int8, uint8, binary or ubinary");
}

std::string_view output_precision_name(OutputPrecision precision) {
  return kNames[static_cast<std::size_t>(precision)];
}

}  // namespace orthant
