#pragma once
// What an encoder gives out: float embeddings, or the same in a smaller output precision. Plain values.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace orthant {

// Sentence Transformers' names and bytes (encoder/output_quantization.h).
enum class OutputPrecision { kFloat32, kInt8, kUint8, kBinary, kUbinary };

// "float32", "int8", "uint8", "binary" or "ubinary".
Result<OutputPrecision> parse_output_precision(std::string_view name);
std::string_view output_precision_name(OutputPrecision precision);

// What the text is for. Some models want another prompt for queries than for documents.
enum class Purpose { kQuery, kDocument };

// rows x dim floats, row-major.
struct EmbeddingMatrix {
  std::size_t rows = 0;
  std::size_t dim = 0;
  std::vector<float> values;

  std::span<const float> row(std::size_t i) const { return std::span(values).subspan(i * dim, dim); }
  std::span<float> row(std::size_t i) { return std::span(values).subspan(i * dim, dim); }
};

// A vector over a large space of which few values are set: indices ascend, values are not zero.
struct SparseEmbedding {
  std::vector<std::uint32_t> indices;
  std::vector<float> values;
};

}  // namespace orthant
