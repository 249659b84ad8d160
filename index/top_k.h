#pragma once
// Collectors of the nearest candidates of a scan. Candidates come in ascending order of ordinals, in batches that the scan writes
// straight into the collector's buffer: room() for the largest batch, then commit() of what was written. bound() is the distance
// that later candidates must beat; it is brought up to date at each commit. Equal distances: the lower ordinal is nearer. One
// thread.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <ranges>
#include <span>
#include <vector>

#include "index/kernels/distance_kernels.h"

namespace orthant {

// An object, not a function, so that selections inline it.
inline constexpr auto nearer = [](const Candidate& a, const Candidate& b) {
  return a.distance != b.distance ? a.distance < b.distance : a.ordinal < b.ordinal;
};

// Infinities and NaN become the largest float, so that every row keeps a place in the order.
inline float finite_distance(float distance) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  return distance < kLargest ? std::max(distance, -kLargest) : kLargest;
}

// The nearest `depth` candidates, in no order; the rest is dropped.
inline void keep_nearest(std::vector<Candidate>& candidates, std::size_t depth) {
  if (candidates.size() <= depth) return;
  std::ranges::nth_element(candidates, candidates.begin() + static_cast<std::ptrdiff_t>(depth), nearer);
  candidates.resize(depth);
}

// Brings the nearest `count` candidates, in no order, before the others.
inline void lead_with_nearest(std::span<Candidate> candidates, std::size_t count) {
  if (count >= candidates.size()) return;
  std::ranges::nth_element(candidates, candidates.begin() + static_cast<std::ptrdiff_t>(count), nearer);
}

// The distance of the `rank`-th nearest, from 1; the largest float when there are fewer. For small ranks.
inline float distance_at_rank(std::span<const Candidate> candidates, std::size_t rank) {
  if (candidates.size() < rank || rank == 0) return std::numeric_limits<float>::max();
  std::vector<float> nearest(rank);
  const auto distances = candidates | std::views::transform(&Candidate::distance);
  std::ranges::partial_sort_copy(distances, nearest);
  return nearest.back();
}

// Drops what is farther than `last`; the others keep their order. Which stay cannot be predicted, and is not branched on.
inline void drop_farther_than(float last, std::vector<Candidate>& candidates, std::size_t first = 0) {
  std::size_t kept = first;
  for (std::size_t i = first; i < candidates.size(); ++i) {
    const Candidate candidate = candidates[i];
    candidates[kept] = candidate;
    kept += candidate.distance <= last ? 1 : 0;
  }
  candidates.resize(kept);
}

// An array of candidates that grows without touching the new room.
class CandidateBuffer {
 public:
  Candidate* room(std::size_t count) {
    if (capacity_ < size_ + count) grow(size_ + count);
    return candidates_.get() + size_;
  }
  void add(std::size_t count) { size_ += count; }
  void shrink(std::size_t size) { size_ = size; }
  std::size_t size() const { return size_; }
  Candidate* begin() { return candidates_.get(); }
  Candidate* end() { return candidates_.get() + size_; }

 private:
  void grow(std::size_t wanted) {
    capacity_ = std::max(wanted, capacity_ * 2);
    auto larger = std::make_unique_for_overwrite<Candidate[]>(capacity_);
    std::copy_n(candidates_.get(), size_, larger.get());
    candidates_ = std::move(larger);
  }

  std::unique_ptr<Candidate[]> candidates_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

// For any distances. When the buffer has filled, the best are selected and the distance of the last of them becomes the bound:
// cheaper than a heap, because most candidates of a scan never pass the bound.
class NearestCandidates {
 public:
  // `first_bound`: only candidates below it are wanted.
  explicit NearestCandidates(std::size_t depth, float first_bound = std::numeric_limits<float>::infinity())
      : depth_(depth), bound_(first_bound) {}

  float bound() const { return bound_; }
  Candidate* room(std::size_t count) { return buffer_.room(count); }
  void commit(std::size_t count) {
    buffer_.add(count);
    if (buffer_.size() >= 2 * depth_ + kSlack) select();
  }
  void offer(Candidate candidate) {
    if (!(candidate.distance < bound_)) return;
    *room(1) = candidate;
    commit(1);
  }

  // The nearest `leading` of them first, otherwise in no order. The collector is empty afterwards.
  std::vector<Candidate> take(std::size_t leading = 0) {
    if (buffer_.size() > depth_) select();
    std::vector<Candidate> nearest(buffer_.begin(), buffer_.end());
    if (leading != 0) lead_with_nearest(nearest, leading);
    buffer_.shrink(0);
    return nearest;
  }

 private:
  static constexpr std::size_t kSlack = 64;

  void select() {
    if (depth_ == 0) {
      buffer_.shrink(0);
      bound_ = -std::numeric_limits<float>::infinity();
      return;
    }
    Candidate* last = buffer_.begin() + depth_ - 1;
    std::nth_element(buffer_.begin(), last, buffer_.end(), nearer);
    bound_ = last->distance;
    buffer_.shrink(depth_);
  }

  std::size_t depth_;
  float bound_;
  CandidateBuffer buffer_;
};

// For distances that are small integers, as table sums are: a count of each distance gives the bound exactly at every commit, and
// nothing is ever sorted. With `last_` the distance of the depth-th nearest: fewer than depth candidates are nearer than it, and at
// least depth are not farther, once there are so many.
class NearestSums {
 public:
  // `first_bound`: only sums below it are wanted; at least 1.
  NearestSums(std::size_t depth, std::size_t largest_sum, float first_bound = std::numeric_limits<float>::infinity())
      : depth_(depth), last_(largest_below(first_bound, largest_sum)), counts_(last_ + 1) {}

  float bound() const {
    if (depth_ == 0) return 0;
    return static_cast<float>(not_farther_ >= depth_ ? last_ : last_ + 1);
  }
  Candidate* room(std::size_t count) { return buffer_.room(count); }
  void commit(std::size_t count) {
    for (const Candidate* candidate = buffer_.end(); candidate != buffer_.end() + count; ++candidate) {
      const auto sum = static_cast<std::size_t>(candidate->distance);
      if (sum > last_) continue;  // the bound has moved since the batch began
      ++counts_[sum];
      ++not_farther_;
      while (last_ > 0 && not_farther_ - counts_[last_] >= depth_) not_farther_ -= counts_[last_--];
    }
    buffer_.add(count);
    if (buffer_.size() >= 4 * depth_ + kSlack) drop_farther();
  }

  // The nearest `leading` of them first, otherwise in no order. The collector is empty afterwards. One pass without branches on
  // distances, which cannot be predicted: leaders are written from the front, the others from the back.
  std::vector<Candidate> take(std::size_t leading = 0) {
    Cut last = {static_cast<float>(last_), depth_ - std::min(depth_, not_farther_ - counts_[last_])};
    Cut lead = cut_at(std::min(leading, std::min(depth_, not_farther_)));
    std::vector<Candidate> nearest(std::min(depth_, not_farther_) + 1);
    std::size_t front = 0;
    std::size_t back = nearest.size() - 1;
    for (const Candidate candidate : buffer_) {
      const bool kept = last.takes(candidate.distance);
      const bool leads = lead.takes(candidate.distance);
      nearest[leads ? front : back] = candidate;
      front += leads ? 1 : 0;
      back -= kept && !leads ? 1 : 0;
    }
    // The place that the scan writes what it drops to.
    nearest[back] = nearest.back();
    nearest.pop_back();
    buffer_.shrink(0);
    return nearest;
  }

 private:
  static constexpr std::size_t kSlack = 4'096;

  // What is nearer than a distance, and the first few at it.
  struct Cut {
    float distance;
    std::size_t room;
    bool takes(float candidate) {
      const bool at_last = candidate == distance && room > 0;
      room -= at_last ? 1 : 0;
      return candidate < distance || at_last;
    }
  };

  // Takes the nearest `count` of at least so many.
  Cut cut_at(std::size_t count) const {
    std::size_t sum = 0;
    while (sum < last_ && counts_[sum] < count) count -= counts_[sum++];
    return {static_cast<float>(sum), count};
  }

  static std::size_t largest_below(float bound, std::size_t largest_sum) {
    if (!(bound <= static_cast<float>(largest_sum))) return largest_sum;
    return static_cast<std::size_t>(std::max(std::ceil(bound) - 1, 0.0f));
  }

  void drop_farther() {
    Candidate* kept = buffer_.begin();
    for (const Candidate& candidate : buffer_) {
      if (candidate.distance <= static_cast<float>(last_)) *kept++ = candidate;
    }
    buffer_.shrink(static_cast<std::size_t>(kept - buffer_.begin()));
  }

  std::size_t depth_;
  std::size_t last_;
  std::size_t not_farther_ = 0;
  std::vector<std::uint32_t> counts_;
  CandidateBuffer buffer_;
};

}  // namespace orthant
