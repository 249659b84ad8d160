#include "encoder/kernels/weight_compute.h"

#include <fmt/format.h>

#include "encoder/kernels/bfloat16_linear.h"

namespace orthant {

bool multiplied_as_stored(WeightPrecision precision, CpuLevel level) {
  switch (precision) {
    case WeightPrecision::kFloat16:
    case WeightPrecision::kNf4: return false;
#if defined(__x86_64__)
    case WeightPrecision::kBfloat16: return multiplies_bfloat16(level);
#else
    case WeightPrecision::kBfloat16: return false;
#endif
    default: return true;
  }
}

std::string weight_compute_text(WeightPrecision precision, CpuLevel level) {
  switch (precision) {
    case WeightPrecision::kInt8: return "int8 x 7-bit activations";
    case WeightPrecision::kInt4: return "int4 x 8-bit activations";
    case WeightPrecision::kMixed: return "each layer in its own precision";
    default: break;
  }
  const std::string_view name = weight_precision_name(precision);
  return multiplied_as_stored(precision, level) ? std::string(name) : fmt::format("{} stored, float32 multiplied", name);
}

}  // namespace orthant
