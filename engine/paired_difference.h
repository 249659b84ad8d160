#pragma once
// PairedDifference: whether one way of searching is better than another on the same queries, or only seems so. Free function over
// plain values; any thread.

#include <cstddef>
#include <span>

namespace orthant {

struct PairedDifference {
  double mean = 0;  // of after - before
  // 95 % interval of the mean over queries like these: 1.96 standard errors to each side.
  double low = 0;
  double high = 0;
  // Two-sided, of Fisher's randomization test (Smucker, Allan & Carterette 2007): how often signs drawn at random give a mean that
  // is as far from 0. 1 where no query differs.
  double p_value = 1;
  std::size_t better = 0;  // queries
  std::size_t worse = 0;
};

// `before` and `after` hold a measure of the same queries in the same order, as many in each. The same input gives the same result.
PairedDifference paired_difference(std::span<const double> before, std::span<const double> after);

}  // namespace orthant
