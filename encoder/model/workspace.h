#pragma once
// Workspace: the activations of one thread, kept from batch to batch so that encoding allocates nothing once it has seen its
// largest batch. One thread at a time.

#include <cstddef>
#include <span>

#include "base/aligned_array.h"
#include "encoder/kernels/linear.h"
#include "encoder/model/linear_observer.h"

namespace orthant {

class Workspace {
 public:
  // Forgets what was taken; afterwards take() can give out `floats` in all (each take rounds up to a cache line).
  void reset(std::size_t floats) {
    used_ = 0;
    if (floats > memory_.size()) memory_ = AlignedArray<float>(floats);
  }
  // 64-byte aligned, contents undefined.
  float* take(std::size_t floats) {
    float* start = memory_.data() + used_;
    used_ += rounded(floats);
    return start;
  }
  LinearScratch& scratch() { return scratch_; }

  LinearObserver* observer = nullptr;

  static constexpr std::size_t rounded(std::size_t floats) { return (floats + kLineFloats - 1) / kLineFloats * kLineFloats; }

 private:
  static constexpr std::size_t kLineFloats = kCacheLineBytes / sizeof(float);
  AlignedArray<float> memory_;
  std::size_t used_ = 0;
  LinearScratch scratch_;
};

}  // namespace orthant
