#pragma once
// What every module asks of a list of floats, whoever sent it. Free functions, any thread.

#include <algorithm>
#include <cmath>
#include <span>

namespace orthant {

// Neither NaN nor infinity.
inline bool all_finite(std::span<const float> values) {
  return std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
}

// A zero vector stays zero.
inline void scale_to_unit_length(std::span<float> vector) {
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * static_cast<double>(value);
  if (squares == 0) return;
  const auto scale = static_cast<float>(1 / std::sqrt(squares));
  for (float& value : vector) value *= scale;
}

}  // namespace orthant
