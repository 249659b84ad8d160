#pragma once
// WeightPrecision: how a model's weights are stored and multiplied. Not to be mixed up with OutputPrecision (embedding.h), how its
// embeddings are given out.

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace orthant {

enum class WeightPrecision : std::uint8_t {
  kAuto,  // as the model's files say: config.json's dtype, or the precisions of a quantized folder
  kFloat32,
  kBfloat16,
  kFloat16,
  kInt8,   // one scale an output, activations in 7 bits with one scale a token
  kInt4,   // one scale and zero point for each group of inputs of an output
  kNf4,    // 4-bit normal floats in blocks of 64, block scales quantized again
  kMixed,  // each layer its own: only folders that `orthant quantize` wrote hold such a plan
};

// "auto", "float32", "bfloat16", "float16", "int8", "int4", "nf4" or "mixed".
Result<WeightPrecision> parse_weight_precision(std::string_view name);
std::string_view weight_precision_name(WeightPrecision precision);

}  // namespace orthant
