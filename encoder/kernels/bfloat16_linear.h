#pragma once
// The form of Linear for bfloat16 weights on CPUs that multiply them. Private to this folder.

#include "encoder/kernels/linear.h"

namespace orthant {

// Whether the level has such kernels and this CPU runs them.
bool multiplies_bfloat16(CpuLevel level);

// The caller checks multiplies_bfloat16(level).
std::unique_ptr<const Linear> make_bfloat16_linear(const LinearWeights& weights, std::span<const float> bias, Activation activation,
                                                   CpuLevel level, WeightArena& arena);

}  // namespace orthant
