#include "api/exchange/vector_writer.h"

#include "api/exchange/faiss_writer.h"
#include "api/exchange/matrix_writer.h"
#include "api/exchange/parquet_writer.h"

namespace orthant {

Result<std::unique_ptr<VectorWriter>> VectorWriter::create(const std::filesystem::path& path, const VectorWriterOptions& options) {
  switch (options.format) {
    case FileFormat::kParquet: return create_parquet_writer(path, options);
    case FileFormat::kFaiss: return create_faiss_writer(path, options);
    default: return create_matrix_writer(path, options);
  }
}

std::vector<std::uint8_t> codes_of_floats(VectorForm form, std::size_t dim, std::span<const float> floats) {
  const std::size_t rows = floats.size() / dim;
  const std::size_t row_bytes = vector_bytes(form, dim);
  std::vector<std::uint8_t> codes(rows * row_bytes);
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < dim; ++i) {
      const float value = floats[row * dim + i];
      if (form == VectorForm::kInt8) {
        codes[row * row_bytes + i] = static_cast<std::uint8_t>(static_cast<std::int8_t>(value));
      } else if (value > 0) {
        codes[row * row_bytes + i / 8] |= static_cast<std::uint8_t>(0x80u >> i % 8);
      }
    }
  }
  return codes;
}

}  // namespace orthant
