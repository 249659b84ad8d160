#pragma once
// What the histogram of shared searches (engine/waiting_searches.h) has counted since the object was made.

#include <cstddef>

#include "base/metrics.h"

namespace orthant::test {

class SharedSearchSizes {
 public:
  std::size_t requests() const { return static_cast<std::size_t>(sizes().sum() - sum_); }
  std::size_t passes() const { return count() - count_; }

 private:
  static Histogram& sizes() {
    return histogram("orthant_shared_searches", "Requests whose searches ran as one, because they waited together.",
                     size_buckets());
  }
  static std::size_t count() {
    std::size_t all = 0;
    for (std::size_t i = 0; i <= size_buckets().size(); ++i) all += static_cast<std::size_t>(sizes().bucket(i));
    return all;
  }
  const double sum_ = sizes().sum();
  const std::size_t count_ = count();
};

}  // namespace orthant::test
