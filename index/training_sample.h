#pragma once
// Rows of an index as training and its checks see them: a sample at random places, and how well a quantizer serves it. Free
// functions, beside searches and one writer.

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "index/code_tables.h"
#include "index/float_vectors.h"
#include "index/quantizer.h"

namespace orthant {

// n x dim floats of at most `wanted` rows of [first, end) that are not buried, drawn by `seed`, in no order.
// Rows that vanish from the store meanwhile are left out.
Result<std::vector<float>> sample_rows(const FloatVectors& stored, const CodeTables& tables, Ordinal first, Ordinal end,
                                       std::size_t wanted, std::uint64_t seed);

// The root of the mean squared error of the estimates of dot products between rows: relative to the norms of both, and as a
// multiple of what CodeQuery::error says it is. Zeros when there are too few rows.
struct CodeError {
  double relative = 0;
  double ratio = 0;
};
CodeError code_error(const BinaryQuantizer& quantizer, std::span<const float> rows, std::size_t dim);

// CodeError::ratio: 1 for rows like those that the quantizer was trained on. The first rows (a quarter, at most 64) are queries
// against the others.
double measured_error(const BinaryQuantizer& quantizer, std::span<const float> rows, std::size_t dim);

}  // namespace orthant
