#pragma once
// bucket_select: about the nearest of many candidates, in about their order, without comparing them with one another: one pass for
// the range, one to count equal slices of it, one to place. A selection by comparisons costs several times as much for some
// thousand values, since its branches cannot be predicted. Free function, any thread.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/kernels/distance_kernels.h"

namespace orthant {

// At least min(depth, candidates.size()) candidates, among them the nearest `depth`; those of one slice of the range in the order
// in which they came. Distances are finite.
inline std::vector<Candidate> bucket_select(std::span<const Candidate> candidates, std::size_t depth) {
  constexpr std::size_t kBuckets = 512;
  if (candidates.empty() || depth == 0) return {};
  float low = candidates.front().distance;
  float high = low;
  for (const Candidate& candidate : candidates) {
    low = std::min(low, candidate.distance);
    high = std::max(high, candidate.distance);
  }
  // In halves, since the whole range may be too large for a float.
  const float half_low = 0.5f * low;
  const float half_range = 0.5f * high - half_low;
  const float slices = half_range > 0 ? static_cast<float>(kBuckets - 1) / half_range : 0;
  const auto bucket_of = [&](const Candidate& candidate) {
    return static_cast<std::size_t>(static_cast<std::int32_t>((0.5f * candidate.distance - half_low) * slices));
  };
  std::array<std::uint32_t, kBuckets> places{};
  for (const Candidate& candidate : candidates) ++places[bucket_of(candidate)];
  std::size_t last = 0;
  std::uint32_t total = 0;
  for (; last < kBuckets; ++last) {
    const std::uint32_t count = places[last];
    places[last] = total;
    total += count;
    if (total >= depth) break;
  }
  std::vector<Candidate> selected(total);
  for (const Candidate& candidate : candidates) {
    const std::size_t bucket = bucket_of(candidate);
    if (bucket <= last) selected[places[bucket]++] = candidate;
  }
  return selected;
}

}  // namespace orthant
