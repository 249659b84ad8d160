#pragma once
// In words, how weights of a precision are multiplied at a CPU level: for logs, /models and `orthant doctor`.

#include <string>

#include "base/cpu.h"
#include "encoder/weight_precision.h"

namespace orthant {

// Whether the kernels of that level multiply this precision as it is stored; what they do not is widened to float32 on its way.
bool multiplied_as_stored(WeightPrecision precision, CpuLevel level);

// "float32", "bfloat16 stored, float32 multiplied", "int8 x 7-bit activations", ... kMixed: "each layer in its own".
std::string weight_compute_text(WeightPrecision precision, CpuLevel level);

}  // namespace orthant
