#pragma once
// Int8Rows: the int8 codes of an index's rows as vectors: codes with a scale a row, or with a range a dimension
// (dimension_ranges.h). A view; any thread.

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "index/code_tables.h"
#include "index/kernels/distance_kernels.h"
#include "index/scalar_quantizer.h"

namespace orthant {

class Int8Rows {
 public:
  // The tables have int8 codes.
  explicit Int8Rows(const CodeTables& tables)
      : codes_(*tables.int8_codes()), scales_(tables.int8_scales()), ranges_(tables.int8_ranges()) {}

  std::size_t dim() const { return codes_.row_bytes(); }
  const RowColumn& codes() const { return codes_; }
  const RowColumn* scales() const { return scales_; }        // null: ranges
  const DimensionRanges* ranges() const { return ranges_; }  // null: scales
  const std::uint8_t* code(Ordinal ordinal) const { return codes_.row(ordinal); }
  // Of the integers of the row's code; 0 for a zero vector whose rows have scales.
  float scale(Ordinal ordinal) const { return scales_ == nullptr ? 1 : *scales_->row_as<const float>(ordinal); }
  void fetch_scale(Ordinal ordinal) const {
    if (scales_ != nullptr) __builtin_prefetch(scales_->row(ordinal));
  }

  // Writes dim() floats.
  void decode(const DistanceKernels& kernels, Ordinal ordinal, float* out) const {
    if (scales_ != nullptr) {
      kernels.decode_i8(code(ordinal), dim(), scale(ordinal), out);
    } else {
      ranges_->decode(code(ordinal), out);
    }
  }

  // The row as a query to the other rows; `decoded` is room. Without ranges its integers are the code's, and nothing is lost.
  void take_as_query(const DistanceKernels& kernels, Ordinal ordinal, std::vector<float>& decoded, QuantizedQuery& query) const {
    if (scales_ == nullptr) {
      decoded.resize(dim());
      decode(kernels, ordinal, decoded.data());
      ranges_->quantize_query(decoded, query);
      return;
    }
    query.values.resize(dim());
    query.scale = scale(ordinal);
    query.constant = 0;
    const std::uint8_t* stored = code(ordinal);
    std::int8_t* values = query.values.data();
    std::size_t i = 0;
    for (; i + sizeof(std::uint64_t) <= dim(); i += sizeof(std::uint64_t)) {
      std::uint64_t eight = 0;
      std::memcpy(&eight, stored + i, sizeof eight);
      eight ^= 0x8080808080808080;
      std::memcpy(values + i, &eight, sizeof eight);
    }
    for (; i < dim(); ++i) values[i] = static_cast<std::int8_t>(stored[i] ^ 0x80);
  }

 private:
  const RowColumn& codes_;
  const RowColumn* scales_;
  const DimensionRanges* ranges_;
};

}  // namespace orthant
