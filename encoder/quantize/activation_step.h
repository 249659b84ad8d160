#pragma once
// The step of activations that are quantized with one scale for all tokens (static), found from a calibration sample; without a
// sample each token has its own step (dynamic).

#include <span>
#include <string_view>

#include "base/result.h"
#include "encoder/weight_precision.h"

namespace orthant {

enum class ActivationScale : std::uint8_t {
  kDynamic,     // each token its own
  kMinMax,      // the largest magnitude seen
  kPercentile,  // 99.99 % of the magnitudes seen
  kMse,         // least squared error over the sample
};

// "dynamic", "minmax", "percentile" or "mse".
Result<ActivationScale> parse_activation_scale(std::string_view name);
std::string_view activation_scale_name(ActivationScale scale);

// Codes of activations go from -limit to limit: 63 before int8 weights (their sums would not fit), 127 before int4 ones.
int activation_limit(WeightPrecision weights);

// `values`: activations as the layer sees them (transformed). 0 for kDynamic and where all are zero.
float activation_step(std::span<const float> values, ActivationScale scale, int limit);

}  // namespace orthant
