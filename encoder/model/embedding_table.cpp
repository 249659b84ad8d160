#include "encoder/model/embedding_table.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace orthant {

Result<EmbeddingTable> EmbeddingTable::open(const SafeTensors& file, std::string_view name, std::size_t rows, std::size_t columns) {
  const std::string whole(name);
  if (file.find(whole + ".codes") != nullptr) return open_codes(file, whole, rows, columns);
  const std::array shape = {rows, columns};
  const TensorView& tensor = *ORTHANT_TRY(file.float_tensor(whole + ".weight", shape));
  EmbeddingTable table;
  table.type_ = tensor.type;
  table.bytes_ = tensor.bytes;
  table.rows_ = rows;
  table.columns_ = columns;
  return table;
}

Result<EmbeddingTable> EmbeddingTable::open_codes(const SafeTensors& file, const std::string& name, std::size_t rows,
                                                  std::size_t columns) {
  const TensorView& codes = *file.find(name + ".codes");
  const std::vector<std::size_t> shape = {rows, columns};
  if (codes.type_name != "I8" || codes.shape != shape) {
    return data_corruption(fmt::format("{}: tensor \"{}.codes\" is {} of shape {}, expected I8 of shape {}", file.file().string(),
                                       name, codes.type_name, codes.shape, shape));
  }
  EmbeddingTable table;
  const std::array rows_shape = {rows};
  table.scales_ = ORTHANT_TRY(file.read_floats(name + ".scales", rows_shape));
  if (!std::ranges::all_of(table.scales_, [](float scale) { return std::isfinite(scale); })) {
    return data_corruption(fmt::format("{}: tensor \"{}.scales\": expected finite numbers", file.file().string(), name));
  }
  table.bytes_ = codes.bytes;
  table.rows_ = rows;
  table.columns_ = columns;
  return table;
}

void EmbeddingTable::copy_row(std::size_t row, float* out) const {
  const std::size_t row_bytes = bytes_.size() / rows_;
  const std::span<const std::uint8_t> bytes = bytes_.subspan(row * row_bytes, row_bytes);
  if (scales_.empty()) return widen_to_floats(type_, bytes, out);
  const float scale = scales_[row];
  for (std::size_t i = 0; i < columns_; ++i) out[i] = static_cast<float>(static_cast<std::int8_t>(bytes[i])) * scale;
}

QuantizedRows quantize_embedding_rows(std::span<const float> values, std::size_t columns) {
  QuantizedRows rows;
  rows.codes.reserve(values.size());
  for (std::size_t start = 0; start < values.size(); start += columns) {
    const std::span<const float> row = values.subspan(start, columns);
    float largest = 0;
    for (const float value : row) largest = std::max(largest, std::abs(value));
    const float inverse = largest > 0 ? 127.0F / largest : 0.0F;
    for (const float value : row) rows.codes.push_back(static_cast<std::int8_t>(std::nearbyint(value * inverse)));
    rows.scales.push_back(largest / 127.0F);
  }
  return rows;
}

}  // namespace orthant
