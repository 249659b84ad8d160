#pragma once
// BinaryQuantizer: turns stored vectors into 1-bit codes and queries into look-up tables over them. The contract between a
// quantizer and the scan is that the negated dot product of query and row (so that lower is nearer) is estimated by
//
//   scale(row) * (step * S + base) + constant
//
// where step >= 0, S is the row's table sum, scale(row) is stored beside the code (1 where the quantizer has no row scales), and
// step, base and constant belong to the query. So signs, rotated and learned codes differ in what they write into codes, scales and
// tables, and the scan knows none of them. Immutable once trained; any thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "index/index_config.h"
#include "index/look_up_tables.h"

namespace orthant {

struct EstimateTables {
  LookUpTables tables;
  float constant = 0;
};

class BinaryQuantizer {
 public:
  virtual ~BinaryQuantizer() = default;

  virtual std::string_view name() const = 0;
  virtual std::size_t code_bytes() const = 0;
  virtual bool has_row_scales() const = 0;

  // `rows`: n x dim. `codes`: n x code_bytes(), row-major, bits in the order of ubinary. `scales`: n, or empty without row scales.
  virtual void encode(std::span<const float> rows, std::span<std::uint8_t> codes, std::span<float> scales) const = 0;

  virtual EstimateTables estimate_tables(std::span<const float> query) const = 0;
  // The sum is the Hamming distance between the codes of query and row.
  virtual LookUpTables hamming_tables(std::span<const float> query) const = 0;

  // What training left, for snapshots; empty when there was none.
  virtual std::string parameters() const = 0;
};

// The quantizer of an index with this configuration.
std::unique_ptr<const BinaryQuantizer> make_binary_quantizer(const IndexConfig& config);

}  // namespace orthant
