#pragma once
// BucketCollector: about the nearest of many candidates with any distances, by counting them in slices of their range, as
// NearestSums does for integers: the bound is brought up to date at every candidate and nothing is sorted. The range is that of the
// first candidates; nearer ones count in its first slice. One thread.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "index/kernels/distance_kernels.h"

namespace orthant {

class BucketCollector {
 public:
  explicit BucketCollector(std::size_t depth) : depth_(depth) { candidates_.reserve(std::min(4 * depth, kMostReserved)); }

  // At least `depth` candidates are not behind it, once there are so many.
  float bound() const { return bound_; }

  // Its distance is finite, and below the bound.
  void offer(Candidate candidate) {
    candidates_.push_back(candidate);
    if (slices_ >= 0) {
      count(candidate.distance);
    } else if (candidates_.size() == depth_) {
      begin_counting();
    }
  }

  // Those that are not behind the bound, in the order in which they came: `depth`, or some more, or all. Empty afterwards.
  std::vector<Candidate> take() {
    std::erase_if(candidates_, [this](const Candidate& candidate) { return !(candidate.distance <= bound_); });
    return std::move(candidates_);
  }

 private:
  static constexpr std::size_t kBuckets = 512;
  static constexpr std::size_t kMostReserved = 4'096;

  // In halves, since the whole range may be too large for a float.
  void begin_counting() {
    const auto [low, high] = std::ranges::minmax(candidates_, {}, &Candidate::distance);
    half_low_ = 0.5f * low.distance;
    const float half_range = 0.5f * high.distance - half_low_;
    slices_ = half_range > 0 ? static_cast<float>(kBuckets - 1) / half_range : 0;
    bound_ = high.distance;
    for (const Candidate& candidate : candidates_) count(candidate.distance);
  }

  // The bound is the upper end of the last slice that is needed, never more than it was.
  void count(float distance) {
    const float place = std::max((0.5f * distance - half_low_) * slices_, 0.0f);
    const std::size_t bucket = std::min(static_cast<std::size_t>(static_cast<std::int32_t>(place)), kBuckets - 1);
    if (bucket > last_) return;
    ++counts_[bucket];
    ++not_behind_;
    if (not_behind_ - counts_[last_] < depth_) return;
    while (last_ > 0 && not_behind_ - counts_[last_] >= depth_) not_behind_ -= counts_[last_--];
    bound_ = std::min(bound_, 2 * (half_low_ + static_cast<float>(last_ + 1) / slices_));
  }

  const std::size_t depth_;
  float bound_ = std::numeric_limits<float>::infinity();
  float half_low_ = 0;
  float slices_ = -1;  // a half of distance; below zero until the range is known
  std::size_t last_ = kBuckets - 1;
  std::size_t not_behind_ = 0;  // counted in buckets up to last_
  std::array<std::uint32_t, kBuckets> counts_{};
  std::vector<Candidate> candidates_;
};

}  // namespace orthant
