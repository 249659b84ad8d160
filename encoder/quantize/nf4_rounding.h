#pragma once
// Weights in NF4 with double quantization (QLoRA, Dettmers et al. 2023, section 3). Each block of 64 consecutive weights is divided
// by its largest magnitude and rounded to the nearest of 16 quantiles of the normal distribution; those magnitudes, minus their
// mean, are again 8-bit codes with one scale for 256 blocks. bitsandbytes, the reference, has a non-linear table for these 8 bits;
// ours are linear: 4.127 bits a weight all the same.

#include <span>

#include "encoder/kernels/linear_weights.h"

namespace orthant {

// `values`: an even number of them.
Nf4Weights round_to_nf4(std::span<const float> values);

}  // namespace orthant
