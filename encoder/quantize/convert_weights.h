#pragma once
// Weights of a linear layer in another precision, rounded to the nearest, from the weights alone: what --weights asks for at load.
// quantize_layer.h does the same with calibration. The schemes and their figures are in docs/quantization.md.

#include <vector>

#include "encoder/kernels/linear_weights.h"
#include "encoder/quantize/int4_rounding.h"

namespace orthant {

// `precision` is none of kAuto and kMixed (asserted). Weights of that precision already stay as they are.
//   bfloat16, float16  to the nearest, ties to even
//   int8               inputs rotated (random_rotation), one symmetric scale an output, pair sums kept (int8_range.h)
//   int4               inputs rotated, affine groups of 64 inputs (of the largest smaller power of two where 64 does not divide)
//   nf4                as published
// Layers that cannot be held so (storable_precision()) become int8.
LinearWeights convert_weights(LinearWeights weights, WeightPrecision precision);

// outputs x inputs floats that multiply the layer's own inputs: as dequantize(), with the transform undone.
std::vector<float> untransformed_weights(const LinearWeights& weights);

// In place, the reverse: makes `rows` rows of weights belong to transformed inputs.
void transform_weights(const InputTransform& transform, std::size_t rows, std::size_t inputs, float* weights);

// Rounded to the nearest in each precision's own form. `values` is outputs x inputs.
HalfWeights round_to_half(const std::vector<float>& values, bool brain);
Int8Weights round_to_int8(const std::vector<float>& values, std::size_t inputs);
Int4Weights round_to_int4(const std::vector<float>& values, std::size_t group_size, Int4Scheme scheme);

// `precision`, or int8 for layers whose inputs 8 (int4) or 2 (nf4) does not divide: the kernels' smallest group, two codes a byte.
WeightPrecision storable_precision(WeightPrecision precision, std::size_t inputs);

// The largest power of two up to `wanted` that divides `inputs`.
std::size_t int4_group_size(std::size_t inputs, std::size_t wanted);

}  // namespace orthant
