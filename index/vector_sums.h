#pragma once
// Sums over the values of one vector that a query is prepared with, in lanes: one running sum would wait for itself at every value,
// which at 384 dimensions costs as much as the query's rotation. Any thread.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>

namespace orthant {

inline constexpr std::size_t kSumLanes = 8;

// Both have as many values.
inline double sum_of_products(std::span<const float> left, std::span<const float> right) {
  std::array<double, kSumLanes> sums{};
  std::size_t first = 0;
  for (; first + kSumLanes <= left.size(); first += kSumLanes) {
    for (std::size_t lane = 0; lane < kSumLanes; ++lane) sums[lane] += double{left[first + lane]} * right[first + lane];
  }
  double rest = 0;
  for (; first < left.size(); ++first) rest += double{left[first]} * right[first];
  return std::accumulate(sums.begin(), sums.end(), rest);
}

// 0 without values.
inline float largest_magnitude(std::span<const float> vector) {
  std::array<float, kSumLanes> largest{};
  std::size_t first = 0;
  for (; first + kSumLanes <= vector.size(); first += kSumLanes) {
    for (std::size_t lane = 0; lane < kSumLanes; ++lane) largest[lane] = std::max(largest[lane], std::fabs(vector[first + lane]));
  }
  for (; first < vector.size(); ++first) largest[0] = std::max(largest[0], std::fabs(vector[first]));
  return *std::ranges::max_element(largest);
}

}  // namespace orthant
