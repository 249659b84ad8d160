#include "encoder/model/embedding_table.h"

#include <fmt/format.h>

namespace orthant {

Result<EmbeddingTable> EmbeddingTable::open(const SafeTensors& file, std::string_view name, std::size_t rows, std::size_t columns) {
  const std::array shape = {rows, columns};
  const TensorView& tensor = *ORTHANT_TRY(file.float_tensor(name, shape));
  EmbeddingTable table;
  table.type_ = tensor.type;
  table.bytes_ = tensor.bytes;
  table.rows_ = rows;
  table.columns_ = columns;
  return table;
}

void EmbeddingTable::copy_row(std::size_t row, float* out) const {
  const std::size_t row_bytes = bytes_.size() / rows_;
  widen_to_floats(type_, bytes_.subspan(row * row_bytes, row_bytes), out);
}

}  // namespace orthant
