#pragma once
// NearestCandidates: keeps the `depth` nearest of the candidates that it is shown, in the manner of a scan: candidates come in
// ascending order of ordinals, in batches written straight into its buffer; when the buffer has filled, the best are selected
// and the distance of the last of them becomes the bound that later ones must beat. Selection in batches costs less than a heap,
// because most candidates of a scan never pass the bound. Equal distances: the lower ordinal is nearer. One thread.

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "index/kernels/distance_kernels.h"

namespace orthant {

inline bool nearer(const Candidate& a, const Candidate& b) {
  return a.distance != b.distance ? a.distance < b.distance : a.ordinal < b.ordinal;
}

// Infinities and NaN become the largest float, so that every row keeps a place in the order.
inline float finite_distance(float distance) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  return distance < kLargest ? std::max(distance, -kLargest) : kLargest;
}

class NearestCandidates {
 public:
  explicit NearestCandidates(std::size_t depth) : depth_(depth) {}

  // Candidates that are not below it cannot be among the nearest any more.
  float bound() const { return bound_; }

  // Room for `count` candidates; the writer says with commit() how many it wrote.
  Candidate* room(std::size_t count) {
    if (candidates_.size() < size_ + count) candidates_.resize(std::max(size_ + count, candidates_.size() * 2));
    return candidates_.data() + size_;
  }
  void commit(std::size_t count) {
    size_ += count;
    if (size_ >= 2 * depth_ + kSlack) select();
  }
  void offer(Candidate candidate) {
    if (!(candidate.distance < bound_)) return;
    *room(1) = candidate;
    commit(1);
  }

  // Nearest first. The collector is empty afterwards.
  std::vector<Candidate> take() {
    if (size_ > depth_) select();
    candidates_.resize(size_);
    std::ranges::sort(candidates_, nearer);
    size_ = 0;
    return std::move(candidates_);
  }

 private:
  static constexpr std::size_t kSlack = 64;

  void select() {
    if (depth_ == 0) {
      size_ = 0;
      bound_ = -std::numeric_limits<float>::infinity();
      return;
    }
    const auto last = candidates_.begin() + static_cast<std::ptrdiff_t>(depth_) - 1;
    std::nth_element(candidates_.begin(), last, candidates_.begin() + static_cast<std::ptrdiff_t>(size_), nearer);
    bound_ = last->distance;
    size_ = depth_;
  }

  std::size_t depth_;
  std::size_t size_ = 0;  // candidates held; candidates_ is its room
  float bound_ = std::numeric_limits<float>::infinity();
  std::vector<Candidate> candidates_;
};

}  // namespace orthant
