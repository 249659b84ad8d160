#pragma once
// Output quantization: float embeddings to int8, uint8, binary or ubinary, byte for byte as quantize_embeddings of Sentence
// Transformers 6.2 makes them from the same floats and ranges. Free functions, any thread.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "encoder/embedding.h"

namespace orthant {

// Per-dimension minima and maxima. Both have dim values.
struct QuantizationRanges {
  std::vector<float> minima;
  std::vector<float> maxima;
};

// Minima and maxima of the columns. invalid_argument for fewer than two rows.
Result<QuantizationRanges> ranges_of(const EmbeddingMatrix& calibration_embeddings);

// Bytes of one row: 4 * dim, dim, or ceil(dim / 8).
std::size_t output_row_bytes(OutputPrecision precision, std::size_t dim);

// rows x output_row_bytes(precision, dim), row-major. kInt8 and kUint8 need ranges of the same dimension (invalid_argument); the
// others ignore them. Bits are packed most significant first (dimension 0 is 0x80 of byte 0), the last byte padded with zeros.
Result<std::vector<std::uint8_t>> quantize_embeddings(const EmbeddingMatrix& embeddings, OutputPrecision precision,
                                                      const std::optional<QuantizationRanges>& ranges);

}  // namespace orthant
