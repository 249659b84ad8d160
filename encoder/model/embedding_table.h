#pragma once
// EmbeddingTable: the rows of an embedding matrix, left in the mapped file in the type in which it holds them. A view: the file
// must outlive it. Immutable, any thread.

#include <array>
#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "encoder/model/safetensors.h"

namespace orthant {

class EmbeddingTable {
 public:
  EmbeddingTable() = default;
  // data_corruption when the tensor is absent, or no float or half matrix of rows x columns.
  static Result<EmbeddingTable> open(const SafeTensors& file, std::string_view name, std::size_t rows, std::size_t columns);

  // Row `row` (below rows()) as floats: `out` gets columns() of them.
  void copy_row(std::size_t row, float* out) const;

  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  std::size_t memory_bytes() const { return bytes_.size(); }

 private:
  TensorType type_ = TensorType::kOther;
  std::span<const std::uint8_t> bytes_;
  std::size_t rows_ = 0;
  std::size_t columns_ = 0;
};

}  // namespace orthant
