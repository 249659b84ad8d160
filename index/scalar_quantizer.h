#pragma once
// Scalar quantization: a vector as int8 values with one symmetric scale, scale = largest magnitude / 127, so that dot products of
// codes times both scales estimate dot products of vectors. Stored codes are offset by 128 as u8 (kernels/distance_kernels.h). Free
// functions, any thread.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace orthant {

// Writes dim stored codes, returns the scale (0 for the zero vector).
float quantize_row(std::span<const float> vector, std::span<std::uint8_t> code);

// The dot product with a row is estimated by constant + scale * (the row's scale) * (the dot product of the integers).
struct QuantizedQuery {
  std::vector<std::int8_t> values;
  float scale = 0;
  float constant = 0;          // where rows have ranges (dimension_ranges.h) instead of scales
  std::vector<float> weights;  // there: what `values` stand for
};

// A query whose values are all integers in [-128, 127] is taken as it is, with scale 1: no error where users bring int8 codes.
QuantizedQuery quantize_query(std::span<const float> query);

// Sets values and scale as for a query that is not all integers.
void quantize_values(std::span<const float> values, QuantizedQuery& out);

// The sum of squares, in the range of float.
float squared_norm(std::span<const float> vector);

}  // namespace orthant
