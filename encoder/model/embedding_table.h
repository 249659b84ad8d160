#pragma once
// EmbeddingTable: the rows of an embedding matrix, left in the mapped file in the form in which it holds them: float32, half, or
// (quantized folders) 8-bit codes with one scale a row. A view: the file must outlive it. Immutable, any thread.

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "encoder/model/safetensors.h"

namespace orthant {

class EmbeddingTable {
 public:
  EmbeddingTable() = default;
  // The tensor NAME.weight, or NAME.codes (I8) and NAME.scales (F32, one a row). data_corruption when both are absent, or no such
  // matrix of rows x columns.
  static Result<EmbeddingTable> open(const SafeTensors& file, std::string_view name, std::size_t rows, std::size_t columns);

  // Row `row` (below rows()) as floats: `out` gets columns() of them.
  void copy_row(std::size_t row, float* out) const;

  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  // Whether these are the bytes of its rows.
  bool is_view_of(std::span<const std::uint8_t> bytes) const { return bytes.data() == bytes_.data(); }
  std::size_t memory_bytes() const { return bytes_.size() + scales_.size() * sizeof(float); }

 private:
  static Result<EmbeddingTable> open_codes(const SafeTensors& file, const std::string& name, std::size_t rows, std::size_t columns);

  TensorType type_ = TensorType::kOther;  // kOther: codes
  std::span<const std::uint8_t> bytes_;
  std::vector<float> scales_;
  std::size_t rows_ = 0;
  std::size_t columns_ = 0;
};

// Codes and scales of rows x columns floats: code = value * 127 / largest magnitude of the row, to the nearest.
struct QuantizedRows {
  std::vector<std::int8_t> codes;
  std::vector<float> scales;
};
QuantizedRows quantize_embedding_rows(std::span<const float> values, std::size_t columns);

}  // namespace orthant
