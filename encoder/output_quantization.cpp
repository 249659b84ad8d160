#include "encoder/output_quantization.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

// This file is compiled without floating-point contraction: each subtraction and division rounds to float, as NumPy's do.

namespace orthant {
namespace {

constexpr float kLevels = 255.0f;
constexpr std::uint8_t kSignBit = 0x80;  // byte ^ 0x80 is byte - 128 as int8

struct Scales {
  std::vector<float> starts;
  std::vector<float> steps;
};

Scales scales_of(const QuantizationRanges& ranges) {
  Scales scales{ranges.minima, ranges.minima};
  for (std::size_t i = 0; i < scales.steps.size(); ++i) {
    const float step = (ranges.maxima[i] - ranges.minima[i]) / kLevels;
    scales.steps[i] = step == 0.0f ? 1.0f : step;
  }
  return scales;
}

// clip(floor(v), 0, 255) as clip first, then truncation: the same numbers, and instructions that every CPU has for whole vectors.
void quantize_row(const float* row, const Scales& scales, std::uint8_t flipped_bits, std::uint8_t* out) {
  const float* starts = scales.starts.data();
  const float* steps = scales.steps.data();
  const std::size_t dim = scales.starts.size();
  for (std::size_t i = 0; i < dim; ++i) {
    const float level = (row[i] - starts[i]) / steps[i];
    const float at_least_zero = level > 0.0f ? level : 0.0f;
    const float clipped = at_least_zero < kLevels ? at_least_zero : kLevels;
    out[i] = static_cast<std::uint8_t>(static_cast<std::int32_t>(clipped)) ^ flipped_bits;
  }
}

// Eight bytes of 0 or 1 to one byte, the first the most significant bit. Byte i stands at bit 8 i; times the summand 2^(63 - 9 i)
// it comes to bit 63 - i. No two other products meet, so nothing carries into the top byte.
std::uint8_t pack_flags(const std::uint8_t* flags) {
  std::uint64_t spread;
  std::memcpy(&spread, flags, sizeof spread);
  return static_cast<std::uint8_t>(spread * 0x8040201008040201 >> 56);
}

void pack_row(const float* row, std::size_t dim, std::uint8_t flipped_bits, std::uint8_t* out) {
  constexpr std::size_t kChunk = 64;
  for (std::size_t begin = 0; begin < dim; begin += kChunk) {
    const std::size_t count = std::min(kChunk, dim - begin);
    std::array<std::uint8_t, kChunk> flags{};
    for (std::size_t i = 0; i < count; ++i) flags[i] = row[begin + i] > 0.0f ? 1 : 0;
    for (std::size_t i = 0; i < count; i += 8) *out++ = pack_flags(&flags[i]) ^ flipped_bits;
  }
}

std::vector<std::uint8_t> float_bytes(const std::vector<float>& values) {
  std::vector<std::uint8_t> bytes(values.size() * sizeof(float));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

Status check_ranges(const std::optional<QuantizationRanges>& ranges, std::size_t dim) {
  if (!ranges) return invalid_argument("precision int8 or uint8: needs ranges (minima and maxima of each dimension)");
  if (ranges->minima.size() != dim || ranges->maxima.size() != dim) {
    return invalid_argument(fmt::format("ranges: {} minima and {} maxima, expected {} of each, one a dimension",
                                        ranges->minima.size(), ranges->maxima.size(), dim));
  }
  return {};
}

}  // namespace

Result<QuantizationRanges> ranges_of(const EmbeddingMatrix& calibration_embeddings) {
  const std::size_t rows = calibration_embeddings.rows;
  if (rows < 2) return invalid_argument(fmt::format("ranges: {} calibration embeddings, expected at least 2", rows));
  const std::span<const float> first = calibration_embeddings.row(0);
  QuantizationRanges ranges{{first.begin(), first.end()}, {first.begin(), first.end()}};
  for (std::size_t i = 1; i < rows; ++i) {
    const std::span<const float> row = calibration_embeddings.row(i);
    for (std::size_t j = 0; j < row.size(); ++j) {
      ranges.minima[j] = std::min(ranges.minima[j], row[j]);
      ranges.maxima[j] = std::max(ranges.maxima[j], row[j]);
    }
  }
  return ranges;
}

std::size_t output_row_bytes(OutputPrecision precision, std::size_t dim) {
  switch (precision) {
    case OutputPrecision::kFloat32: return dim * sizeof(float);
    case OutputPrecision::kInt8:
    case OutputPrecision::kUint8: return dim;
    case OutputPrecision::kBinary:
    case OutputPrecision::kUbinary: break;
  }
  return (dim + 7) / 8;
}

Result<std::vector<std::uint8_t>> quantize_embeddings(const EmbeddingMatrix& embeddings, OutputPrecision precision,
                                                      const std::optional<QuantizationRanges>& ranges) {
  if (precision == OutputPrecision::kFloat32) return float_bytes(embeddings.values);
  const std::size_t row_bytes = output_row_bytes(precision, embeddings.dim);
  const bool is_signed = precision == OutputPrecision::kInt8 || precision == OutputPrecision::kBinary;
  const std::uint8_t flipped_bits = is_signed ? kSignBit : 0;
  const bool is_packed = precision == OutputPrecision::kBinary || precision == OutputPrecision::kUbinary;
  Scales scales;
  if (!is_packed) {
    ORTHANT_TRY(check_ranges(ranges, embeddings.dim));
    scales = scales_of(*ranges);
  }
  std::vector<std::uint8_t> bytes(embeddings.rows * row_bytes);
  for (std::size_t i = 0; i < embeddings.rows; ++i) {
    const float* row = embeddings.values.data() + i * embeddings.dim;
    std::uint8_t* out = bytes.data() + i * row_bytes;
    if (is_packed) {
      pack_row(row, embeddings.dim, flipped_bits, out);
    } else {
      quantize_row(row, scales, flipped_bits, out);
    }
  }
  return bytes;
}

}  // namespace orthant
