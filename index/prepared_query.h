#pragma once
// PreparedQuery: one query in every form that the stages of its search need, made once; scanning and rescoring see nothing else of
// the query. A value, read-only once made.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "index/dimension_ranges.h"
#include "index/index_config.h"
#include "index/look_up_tables.h"
#include "index/quantizer.h"
#include "index/scalar_quantizer.h"

namespace orthant {

// Which forms to make besides the floats.
struct QueryForms {
  bool weights = false;   // over the bits of 1-bit codes: what a candidate source needs
  bool estimate = false;  // weights and look-up tables, for a scan of the codes
  bool hamming = false;   // look-up tables that count differing bits
  bool int8 = false;
  bool bits = false;  // sign bits, for codes that users bring
};

struct PreparedQuery {
  Metric metric = Metric::kCosine;
  std::vector<float> floats;  // normalized for Metric::kCosine
  float squared_norm = 0;     // of `floats`
  CodeQuery code;
  EstimateTables estimate;
  LookUpTables hamming;
  QuantizedQuery int8;
  std::vector<std::uint8_t> bits;
};

// `quantizer` may be null where neither estimate nor hamming is wanted. `int8_ranges`: of the rows' int8 codes, null where they
// have scales.
PreparedQuery prepare_query(Metric metric, const BinaryQuantizer* quantizer, std::span<const float> query, QueryForms forms,
                            const DimensionRanges* int8_ranges = nullptr);

// What a scan by estimates needs of a query that was prepared with weights alone.
PreparedQuery with_estimate_tables(const PreparedQuery& query);

// Divides by the Euclidean norm; a zero vector stays zero.
void normalize(std::span<float> vector);

}  // namespace orthant
