#pragma once
// Rounding on grids, with gradients to the values and to the steps of the grid (LSQ: learned step size quantization, Esser et al.
// 2020). Free functions over tensors, one thread at a time.

#include <cstdint>

#include "encoder/training/torch_api.h"

namespace orthant {

// Values that were rounded to codes: codes * steps. `values` and `codes` are rows x length, `steps`, `lowest` and `highest` rows x
// 1: the codes' range. A value inside of the range passes its gradient on, one outside does not. A step's gradient is the sum of
// code - value / step inside and of the code outside, times 1 / sqrt(length * largest magnitude of a code).
at::Tensor on_learned_grid(const at::Tensor& values, const at::Tensor& steps, const at::Tensor& codes, const at::Tensor& lowest,
                           const at::Tensor& highest);

// Each row rounded to -limit to limit steps of its own largest magnitude / limit; passes gradients through.
at::Tensor rounded_rows(const at::Tensor& rows, int limit);

}  // namespace orthant
