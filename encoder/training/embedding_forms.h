#pragma once
// Embeddings in the forms that searches see, with gradients: float (length one), int8 (rounded on a grid), binary (signs). Each
// form is a row of length about one, so that an inner product of two rows is a cosine: of binary rows it is 1 - 2 * Hamming
// distance / dim. Rounding has no gradient of its own: it passes through (straight-through estimator, Bengio et al. 2013). Free
// functions over tensors, one thread at a time.

#include <cstdint>

#include "encoder/training/search_form.h"
#include "encoder/training/torch_api.h"

namespace orthant {

// rows / |rows|
at::Tensor unit_rows(const at::Tensor& rows);

// sign(x) / sqrt(dim), 0 counting as -1 as in `ubinary`. The gradient is that of tanh(sharpness * x * sqrt(dim)) / sqrt(dim), where
// |x| is about one, so that values are about one where sharpness meets them: a large sharpness leaves gradients only to the values
// that are about to change sides.
at::Tensor straight_through_signs(const at::Tensor& unit_rows, double sharpness);

// tanh(sharpness * x * sqrt(dim)) / sqrt(dim): what turns into signs as sharpness grows (HashNet, Cao et al. 2017; BPR).
at::Tensor soft_signs(const at::Tensor& unit_rows, double sharpness);

// Rounded to -127 to 127 steps of a row's largest magnitude / 127, as our int8 search holds rows; passes gradients through.
at::Tensor fake_int8_rows(const at::Tensor& rows);

// `rounded`, with the gradient of `values`.
at::Tensor passed_through(const at::Tensor& values, const at::Tensor& rounded);

// On a learned grid (LSQ, Esser et al. 2020): round(clamp(x / step, -levels, levels)) * step. `step` has one value; it gets a
// gradient scaled by 1 / sqrt(count * levels).
at::Tensor learned_step_quantize(const at::Tensor& values, const at::Tensor& step, std::int64_t lowest, std::int64_t highest);

// Sharpness at `step` of training: sqrt(1 + growth * step), as BPR anneals it (growth .1 there).
double annealed_sharpness(double growth, std::uint64_t step);

}  // namespace orthant
