#pragma once
// InputSample: what a linear layer was given while calibration texts went through the model, a row a token; and what calibration
// makes of it. Plain values.

#include <cstddef>
#include <vector>

#include "encoder/kernels/linear_weights.h"

namespace orthant {

struct InputSample {
  std::size_t inputs = 0;
  std::vector<float> rows;  // row-major, before any transform

  std::size_t row_count() const { return inputs == 0 ? 0 : rows.size() / inputs; }
};

// The largest magnitude of each input.
std::vector<float> input_peaks(const InputSample& sample);

// X^T X / rows of the sample's rows X (inputs x inputs), summed in double precision.
std::vector<double> input_moments(const InputSample& sample);

// Each row scaled to length one (rows of zeros stay). A few tokens of transformers carry activations hundreds of times as large as
// all others (Sun et al., Massive Activations, 2024); their squares would make up nearly all of the moments, though the norm that
// follows makes them as large as the rest again.
InputSample unit_rows(InputSample sample);

// The rows as a layer with this transform sees them.
InputSample transformed_sample(InputSample sample, const InputTransform& transform);

// SmoothQuant (Xiao et al. 2023): factors min-max balanced between an input's activations and its weights,
// 1 / s_i with s_i = peak_i^alpha / max |weight of input i|^(1 - alpha). `weights` is outputs x inputs.
std::vector<float> balancing_factors(const InputSample& sample, const std::vector<float>& weights, double alpha);

}  // namespace orthant
