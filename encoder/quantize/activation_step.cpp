#include "encoder/quantize/activation_step.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "encoder/kernels/int8_kernels.h"

namespace orthant {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"dynamic", "minmax", "percentile", "mse"};
constexpr int kInt4ActivationLimit = 127;
constexpr double kPercentile = 0.9999;
constexpr int kCandidates = 40;                           // shares of the largest magnitude that kMse tries, from 1 down to 1 / 40
constexpr std::size_t kMseValues = std::size_t{1} << 18;  // of the sample, evenly taken: enough for a step to three digits

float peak_of(std::span<const float> values) {
  float peak = 0;
  for (const float value : values) peak = std::max(peak, std::abs(value));
  return peak;
}

float percentile_of(std::span<const float> values) {
  std::vector<float> magnitudes;
  magnitudes.reserve(values.size());
  for (const float value : values) magnitudes.push_back(std::abs(value));
  const auto rank = static_cast<std::ptrdiff_t>(kPercentile * static_cast<double>(magnitudes.size() - 1));
  std::nth_element(magnitudes.begin(), magnitudes.begin() + rank, magnitudes.end());
  return magnitudes[static_cast<std::size_t>(rank)];
}

double squared_error(std::span<const float> values, float step, int limit) {
  const auto largest = static_cast<float>(limit);
  const float inverse = 1.0F / step;
  double sum = 0;
  for (const float value : values) {
    const float code = std::clamp(std::nearbyint(value * inverse), -largest, largest);
    const float difference = value - code * step;
    sum += static_cast<double>(difference * difference);
  }
  return sum;
}

float least_error_bound(std::span<const float> values, float peak, int limit) {
  std::vector<float> taken;
  const std::size_t every = values.size() / kMseValues + 1;
  for (std::size_t i = 0; i < values.size(); i += every) taken.push_back(values[i]);
  float best = peak;
  double best_error = squared_error(taken, peak / static_cast<float>(limit), limit);
  for (int i = kCandidates - 1; i > 0; --i) {
    const float bound = peak * static_cast<float>(i) / kCandidates;
    const double error = squared_error(taken, bound / static_cast<float>(limit), limit);
    if (error < best_error) {
      best_error = error;
      best = bound;
    }
  }
  return best;
}

}  // namespace

Result<ActivationScale> parse_activation_scale(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<ActivationScale>(i);
  }
  return invalid_argument(fmt::format("activation scale: found \"{}\", expected {}", name, fmt::join(kNames, ", ")));
}

std::string_view activation_scale_name(ActivationScale scale) {
  return kNames[static_cast<std::size_t>(scale)];
}

int activation_limit(WeightPrecision weights) {
  return weights == WeightPrecision::kInt4 ? kInt4ActivationLimit : kActivationLimit;
}

float activation_step(std::span<const float> values, ActivationScale scale, int limit) {
  const float peak = peak_of(values);
  if (scale == ActivationScale::kDynamic || !(peak > 0)) return 0;
  float bound = peak;
  if (scale == ActivationScale::kPercentile) bound = percentile_of(values);
  if (scale == ActivationScale::kMse) bound = least_error_bound(values, peak, limit);
  // Where nearly all are zero, the percentile is too.
  return (bound > 0 ? bound : peak) / static_cast<float>(limit);
}

}  // namespace orthant
