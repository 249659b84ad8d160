#pragma once
// Making EncodedRows: which parts a configuration needs, and their values. Free functions, any thread.

#include <cstdint>
#include <span>

#include "index/dimension_ranges.h"
#include "index/encoded_rows.h"
#include "index/index_config.h"
#include "index/quantizer.h"

namespace orthant {

// `vectors`: n x dim prepared floats. `present`: n flags, or empty. Rows that are not present become zero vectors. `int8_ranges`:
// of the int8 codes; null: each has a scale of its own.
EncodedRows encode_float_rows(const IndexConfig& config, const BinaryQuantizer& quantizer, bool keep_floats,
                              std::span<const float> vectors, std::span<const std::uint8_t> present,
                              const DimensionRanges* int8_ranges = nullptr);

// `codes`: n x dim int8 values (VectorForm::kInt8), or n x ceil(dim / 8) bytes (kUbinary; bits past dim are cleared).
EncodedRows encode_code_rows(const IndexConfig& config, std::span<const std::uint8_t> codes, std::span<const std::uint8_t> present);

// Bytes of one row that encode_code_rows() takes.
std::size_t code_row_bytes(const IndexConfig& config);

}  // namespace orthant
