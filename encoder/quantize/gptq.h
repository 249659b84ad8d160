#pragma once
// GPTQ (Frantar et al. 2022): weights rounded one input after the other, each rounding error carried to the inputs that are still
// to come, so that the layer's outputs on the calibration sample change least. With H = X^T X of the inputs X and U^T U = H^-1
// (upper triangular), the error e of input j, divided by U_jj, is taken off the later inputs k as e U_jk / U_jj. Done in blocks of
// 128 inputs: within a block row by row, then one matrix product for all that follows. What differs: int8 codes also keep the pair
// sums of int8_range.h, the excess of a set being one more error that is carried; the scales of int4 groups are fitted when the
// group is reached, or all before, where inputs are taken out of order.

#include <cstddef>
#include <vector>

#include "base/result.h"
#include "encoder/kernels/linear_weights.h"
#include "encoder/quantize/int4_rounding.h"

namespace orthant {

struct GptqOptions {
  double damping = 0.01;          // added to the diagonal, as a share of its mean
  bool activation_order = false;  // inputs of the largest moment first
};

// `weights` is outputs x inputs and `moments` inputs x inputs (input_moments()), both of the inputs as the layer sees them.
// invalid_argument when the moments are not those of real inputs (no numbers, not symmetric).
Result<Int8Weights> gptq_int8(std::vector<float> weights, std::size_t inputs, const std::vector<double>& moments,
                              const GptqOptions& options);
// `group_size` divides inputs.
Result<Int4Weights> gptq_int4(std::vector<float> weights, std::size_t inputs, const std::vector<double>& moments,
                              const GptqOptions& options, std::size_t group_size, Int4Scheme scheme);

}  // namespace orthant
