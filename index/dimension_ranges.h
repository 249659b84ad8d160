#pragma once
// DimensionRanges: int8 codes with a range a dimension, byte for byte the uint8 (and, less 128, the int8) embeddings that
// quantize_embeddings of Sentence Transformers makes from the same ranges: step[i] = (largest - smallest) / 255 (1 where that is
// 0), code[i] = floor((x[i] - smallest) / step[i]), held within 0 to 255. A code stands for the middle of its step.
//
// The dot product with a query is one of integers still: with s[i] = code[i] - 128 a row is middle[i] + s[i] * step[i], so that
// <q, x> = <q, middle> + sum of (q[i] * step[i]) * s[i]; the products q[i] * step[i] are made int8 with one scale, as queries of
// scalar_quantizer.h are, and the rest is a constant of the query. Rows need no scale. Immutable; any thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "index/scalar_quantizer.h"

namespace orthant {

class DimensionRanges {
 public:
  // Of each dimension of `rows` (n x dim, n >= 1) the range that holds the middle share `quantile` of its values (0.5 to 1; 1: all,
  // which is Sentence Transformers' choice).
  static std::shared_ptr<const DimensionRanges> of_rows(std::span<const float> rows, std::size_t dim, double quantile);
  // From what parameters() gave; null when the bytes are not those of `dim` dimensions.
  static std::shared_ptr<const DimensionRanges> restore(std::size_t dim, std::string_view parameters);
  // starts, then steps: f32 * dim each.
  std::string parameters() const;

  std::size_t dim() const { return starts_.size(); }
  // Both have dim values.
  void encode(std::span<const float> vector, std::span<std::uint8_t> code) const;
  void decode(const std::uint8_t* code, float* vector) const;
  // Reuses the memory of `out`.
  void quantize_query(std::span<const float> query, QuantizedQuery& out) const;

  // Of the values of `rows` (n x dim), the share outside their ranges.
  double outside_share(std::span<const float> rows) const;

 private:
  DimensionRanges(std::vector<float> starts, std::vector<float> steps);

  std::vector<float> starts_;
  std::vector<float> steps_;
  std::vector<float> middles_;  // what the code 128 stands for
};

}  // namespace orthant
