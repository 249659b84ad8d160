#pragma once
// What quantizing a layer costs, in the two ways that textbooks name: rounding (the value lies between two codes) and clipping (it
// lies beyond the last one); and what arrives at the layer's outputs.

#include "encoder/kernels/linear_weights.h"
#include "encoder/quantize/input_sample.h"

namespace orthant {

struct WeightError {
  // Mean squares over all weights, as the layer stores them (transformed): (clamped weight - stored)^2, (weight - clamped
  // weight)^2.
  double rounding = 0;
  double clipping = 0;
  double clipped_share = 0;  // of the weights
  // |W - Wq|^2 / |W|^2, of the weights as they multiply the layer's own inputs.
  double relative = 0;
  // |X (W - Wq)^T|^2 / |X W^T|^2 on the sample; 0 without one. Activations are not quantized here.
  double relative_output = 0;
};

// `original`: the layer before, without transform. `sample` may be null. Halves have no grid: all their error is rounding.
WeightError weight_error(const LinearWeights& original, const LinearWeights& quantized, const InputSample* sample);

}  // namespace orthant
