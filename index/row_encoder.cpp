#include "index/row_encoder.h"

#include <algorithm>
#include <cmath>

#include "index/scalar_quantizer.h"

namespace orthant {
namespace {

void clear_absent(EncodedRows& rows, std::vector<float>& vectors, std::size_t dim) {
  for (std::size_t row = 0; row < rows.row_count; ++row) {
    if (!rows.is_present(row)) std::fill_n(vectors.begin() + static_cast<std::ptrdiff_t>(row * dim), dim, 0.0f);
  }
}

void encode_int8(EncodedRows& rows, std::span<const float> vectors, std::size_t dim, bool norms, const DimensionRanges* ranges) {
  rows.int8_codes.resize(vectors.size());
  if (ranges == nullptr) rows.int8_scales.resize(rows.row_count);
  if (norms) rows.squared_norms.resize(rows.row_count);
  for (std::size_t row = 0; row < rows.row_count; ++row) {
    const auto vector = vectors.subspan(row * dim, dim);
    const auto code = std::span(rows.int8_codes).subspan(row * dim, dim);
    if (ranges != nullptr) {
      ranges->encode(vector, code);
    } else {
      rows.int8_scales[row] = quantize_row(vector, code);
    }
    if (norms) rows.squared_norms[row] = squared_norm(vector);
  }
}

// Users' int8 values: kept as they are; under cosine the scale divides by the code's norm.
void encode_int8_codes(EncodedRows& rows, const IndexConfig& config, std::span<const std::uint8_t> codes) {
  const bool norms = config.metric == Metric::kEuclid;
  rows.int8_codes.resize(codes.size());
  rows.int8_scales.resize(rows.row_count);
  if (norms) rows.squared_norms.resize(rows.row_count);
  for (std::size_t row = 0; row < rows.row_count; ++row) {
    double squares = 0;
    for (std::size_t i = row * config.dim; i < (row + 1) * config.dim; ++i) {
      const int value = static_cast<std::int8_t>(codes[i]);
      rows.int8_codes[i] = static_cast<std::uint8_t>(value + 128);
      squares += value * value;
    }
    const bool unit = config.metric == Metric::kCosine && squares > 0;
    rows.int8_scales[row] = unit ? static_cast<float>(1 / std::sqrt(squares)) : 1.0f;
    if (norms) rows.squared_norms[row] = static_cast<float>(squares);
  }
}

void take_bits(EncodedRows& rows, const IndexConfig& config, std::span<const std::uint8_t> codes) {
  rows.bits.assign(codes.begin(), codes.end());
  const std::size_t code_bytes = code_row_bytes(config);
  if (config.dim % 8 == 0) return;
  const auto last_byte_mask = static_cast<std::uint8_t>(0xff << (8 - config.dim % 8));
  for (std::size_t row = 0; row < rows.row_count; ++row) rows.bits[(row + 1) * code_bytes - 1] &= last_byte_mask;
}

}  // namespace

std::size_t code_row_bytes(const IndexConfig& config) {
  return config.form == VectorForm::kUbinary ? (config.dim + 7) / 8 : config.dim;
}

EncodedRows encode_float_rows(const IndexConfig& config, const BinaryQuantizer& quantizer, bool keep_floats,
                              std::span<const float> vectors, std::span<const std::uint8_t> present,
                              const DimensionRanges* int8_ranges) {
  EncodedRows rows;
  rows.row_count = vectors.size() / config.dim;
  rows.present.assign(present.begin(), present.end());
  if (!present.empty() || keep_floats) {
    rows.floats.assign(vectors.begin(), vectors.end());
    clear_absent(rows, rows.floats, config.dim);
    vectors = rows.floats;
  }
  rows.bits.resize(rows.row_count * quantizer.code_bytes());
  if (quantizer.has_row_scales()) rows.bit_scales.resize(rows.row_count);
  quantizer.encode(vectors, rows.bits, rows.bit_scales);
  encode_int8(rows, vectors, config.dim, config.metric == Metric::kEuclid, int8_ranges);
  if (!keep_floats) rows.floats = {};
  return rows;
}

EncodedRows encode_code_rows(const IndexConfig& config, std::span<const std::uint8_t> codes,
                             std::span<const std::uint8_t> present) {
  EncodedRows rows;
  rows.row_count = codes.size() / code_row_bytes(config);
  rows.present.assign(present.begin(), present.end());
  if (config.form == VectorForm::kUbinary) {
    take_bits(rows, config, codes);
  } else {
    encode_int8_codes(rows, config, codes);
  }
  return rows;
}

}  // namespace orthant
