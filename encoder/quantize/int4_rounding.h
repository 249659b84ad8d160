#pragma once
// One group of weights in int4: weight = (code - zero_point) * scale, codes and zero points 0 to 15.

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"

namespace orthant {

enum class Int4Scheme : std::uint8_t {
  kAffine,     // from the smallest to the largest weight, the grid moved so that 0 is on it
  kSymmetric,  // codes -8 to 7 around 0 (zero point 8), wide enough for the largest weight
  kTextbook,   // codes -8 to 7 around 0, scale = (max - min) / 15: lopsided groups are clipped
};

// "affine", "symmetric" or "textbook".
Result<Int4Scheme> parse_int4_scheme(std::string_view name);
std::string_view int4_scheme_name(Int4Scheme scheme);

struct Int4Grid {
  float scale = 0;
  std::uint8_t zero_point = 8;

  float value(std::uint8_t code) const { return static_cast<float>(code - zero_point) * scale; }
  float lowest() const { return value(0); }
  float highest() const { return value(15); }
};

// The grid that the extremes of the group state.
Int4Grid full_range_grid(std::span<const float> values, Int4Scheme scheme);

// The grid of least squared error among shrunken ranges: clipping a few weights makes the grid finer for all others. kTextbook is
// never shrunken.
Int4Grid fit_int4_grid(std::span<const float> values, Int4Scheme scheme);

// The nearest code, ties to even.
std::uint8_t int4_code(float value, const Int4Grid& grid);

}  // namespace orthant
