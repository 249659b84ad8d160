#pragma once
// Rows of an EmbeddingMatrix compared by cosine. Free functions; those that do not share a matrix may run on any threads.

#include <numeric>
#include <span>

#include "base/float_values.h"
#include "encoder/embedding.h"

namespace orthant {

inline void scale_rows_to_unit_length(EmbeddingMatrix& matrix) {
  for (std::size_t i = 0; i < matrix.rows; ++i) scale_to_unit_length(matrix.row(i));
}

// Of rows of one length. Partial sums side by side, so that compilers make vectors of it.
inline float inner_product(std::span<const float> a, std::span<const float> b) {
  constexpr std::size_t kLanes = 16;
  float sums[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= a.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  for (; i < a.size(); ++i) sums[0] += a[i] * b[i];
  return std::accumulate(std::begin(sums), std::end(sums), 0.0F);
}

}  // namespace orthant
