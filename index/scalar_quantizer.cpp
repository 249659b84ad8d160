#include "index/scalar_quantizer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "index/vector_sums.h"

namespace orthant {
namespace {

constexpr float kLargestCode = 127;

bool fits_int8(std::span<const float> query) {
  return std::ranges::all_of(query, [](float value) { return value >= -128 && value <= 127 && value == std::nearbyint(value); });
}

// Rounds half to even by the addition of 1.5 * 2^23, which leaves the integer in the low bits: the compiler vectorizes it.
float rounded(float value) {
  constexpr float kRoundingConstant = 12'582'912;
  return (value + kRoundingConstant) - kRoundingConstant;
}

// Bounded, since it would overflow for magnitudes below 4e-37: such vectors lose precision.
float codes_per_unit(float largest) {
  return static_cast<float>(std::min(double{kLargestCode} / largest, double{std::numeric_limits<float>::max()}));
}

void round_values(std::span<const float> values, float factor, QuantizedQuery& out) {
  out.values.resize(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    out.values[i] = static_cast<std::int8_t>(std::clamp(rounded(values[i] * factor), -128.0f, kLargestCode));
  }
}

}  // namespace

float quantize_row(std::span<const float> vector, std::span<std::uint8_t> code) {
  const float largest = largest_magnitude(vector);
  if (largest == 0) {
    std::ranges::fill(code, std::uint8_t{128});
    return 0;
  }
  const float factor = codes_per_unit(largest);
  for (std::size_t i = 0; i < vector.size(); ++i) {
    const float value = std::clamp(rounded(vector[i] * factor), -kLargestCode, kLargestCode);
    code[i] = static_cast<std::uint8_t>(static_cast<int>(value) + 128);
  }
  return largest / kLargestCode;
}

QuantizedQuery quantize_query(std::span<const float> query) {
  QuantizedQuery result;
  if (fits_int8(query)) {
    result.scale = 1;
    round_values(query, 1, result);
  } else {
    quantize_values(query, result);
  }
  return result;
}

void quantize_values(std::span<const float> values, QuantizedQuery& out) {
  const float largest = largest_magnitude(values);
  out.scale = largest / kLargestCode;
  round_values(values, codes_per_unit(largest), out);
}

float squared_norm(std::span<const float> vector) {
  return static_cast<float>(std::min(sum_of_products(vector, vector), double{std::numeric_limits<float>::max()}));
}

}  // namespace orthant
