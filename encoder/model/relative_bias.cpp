#include "encoder/model/relative_bias.h"

#include <algorithm>
#include <cmath>

#include "encoder/kernels/float_kernels.h"

namespace orthant {
namespace {

constexpr double kMaxDistance = 128;

// In float, as torch computes it: the borders of the buckets depend on the rounding.
std::size_t bucket_of_distance(std::size_t distance, std::size_t buckets) {
  const std::size_t exact = buckets / 2;
  if (distance < exact) return distance;
  const float ratio = std::log(static_cast<float>(distance) / static_cast<float>(exact)) /
                      static_cast<float>(std::log(kMaxDistance / static_cast<double>(exact)));
  const auto beyond = static_cast<std::size_t>(ratio * static_cast<float>(buckets - exact));
  return std::min(exact + beyond, buckets - 1);
}

}  // namespace

std::size_t relative_bias_center(std::size_t max_positions) {
  return max_positions - 1 + kMaxVectorFloats;
}

std::size_t relative_bias_row(std::size_t max_positions) {
  return 2 * relative_bias_center(max_positions) + 1;
}

std::vector<float> spread_relative_bias(std::span<const float> weights, std::size_t buckets, std::size_t heads,
                                        std::size_t max_positions) {
  const std::size_t row = relative_bias_row(max_positions);
  const std::size_t center = relative_bias_center(max_positions);
  std::vector<float> spread(heads * row);
  for (std::size_t distance = 0; distance < max_positions; ++distance) {
    const std::size_t bucket = bucket_of_distance(distance, buckets / 2);
    const std::size_t bucket_ahead = distance == 0 ? bucket : bucket + buckets / 2;
    for (std::size_t head = 0; head < heads; ++head) {
      spread[head * row + center - distance] = weights[bucket * heads + head];
      spread[head * row + center + distance] = weights[bucket_ahead * heads + head];
    }
  }
  return spread;
}

}  // namespace orthant
