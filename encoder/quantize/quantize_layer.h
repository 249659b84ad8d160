#pragma once
// One linear layer quantized by a scheme: the transform of its inputs, its weights' codes (to the nearest or by GPTQ) and the step
// of its activations. What a quantized folder holds for a layer is the result. Pure functions, any thread.

#include <cstddef>

#include "base/result.h"
#include "encoder/kernels/linear_weights.h"
#include "encoder/quantize/activation_step.h"
#include "encoder/quantize/gptq.h"
#include "encoder/quantize/input_sample.h"
#include "encoder/quantize/int4_rounding.h"

namespace orthant {

struct LayerScheme {
  WeightPrecision precision = WeightPrecision::kInt8;  // none of kAuto and kMixed
  // int8 and int4:
  bool rotate = true;  // random_rotation()
  double balance = 0;  // SmoothQuant's alpha, 0: none; needs a sample
  bool gptq = false;   // else to the nearest; needs a sample
  GptqOptions gptq_options = {};
  ActivationScale activations = ActivationScale::kDynamic;  // all others need a sample
  // int4 only. Where the size does not divide the inputs: the largest power of two below it that does.
  std::size_t group_size = 64;
  Int4Scheme int4_scheme = Int4Scheme::kAffine;
};

// Whether quantize_layer needs a sample for this scheme.
bool needs_sample(const LayerScheme& scheme);

// `layer` is not quantized yet. `sample` holds what the layer is given, or is null. invalid_argument when the scheme needs a sample
// and there is none, or when the sample has another width or is no numbers.
Result<LinearWeights> quantize_layer(const LinearWeights& layer, const LayerScheme& scheme, const InputSample* sample);

}  // namespace orthant
