#pragma once
// QueryRotation: a matrix of rotation for single queries, kept in int8 with a scale a column, as queries are while they meet it: a
// quarter of the memory that a product reads, which is what it costs (384 x 384 on Zen 4: 2 us in place of 9). What rounding adds
// to an estimate, some .0005 of the norms, is nothing beside the error of 1-bit codes, .03. The same on all CPU levels. Read-only
// once made; any thread.

#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned_array.h"
#include "index/matrix.h"

namespace orthant {

class QueryRotation {
 public:
  QueryRotation() = default;
  // `rotation`: from its rows() to its columns() dimensions.
  explicit QueryRotation(const Matrix& rotation);

  // About query * rotation.
  std::vector<float> apply(std::span<const float> query) const;

 private:
  std::size_t dim_ = 0;
  AlignedArray<std::uint8_t> codes_;  // a column of the matrix after another, as quantize_row() writes them
  std::vector<float> scales_;         // one a column
};

}  // namespace orthant
