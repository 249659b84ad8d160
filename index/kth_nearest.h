#pragma once
// KthNearest: the distance of the k-th nearest row met so far, as rescoring goes on: what a candidate's lower bound must not exceed
// if it is to be worth a look. One thread.

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "index/kernels/distance_kernels.h"

namespace orthant {

class KthNearest {
 public:
  // `rank` counts from 1.
  explicit KthNearest(std::size_t rank) : rank_(rank) { nearest_.reserve(rank); }

  void offer(std::span<const Candidate> candidates) {
    for (const Candidate& candidate : candidates) offer(candidate.distance);
  }
  // The largest float while fewer rows were met.
  float distance() const { return nearest_.size() < rank_ || rank_ == 0 ? std::numeric_limits<float>::max() : nearest_.front(); }

 private:
  void offer(float distance) {
    if (nearest_.size() == rank_) {
      if (rank_ == 0 || distance >= nearest_.front()) return;
      std::ranges::pop_heap(nearest_);
      nearest_.pop_back();
    }
    nearest_.push_back(distance);
    std::ranges::push_heap(nearest_);
  }

  std::size_t rank_;
  std::vector<float> nearest_;  // a heap, the farthest first
};

}  // namespace orthant
