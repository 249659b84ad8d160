#include "encoder/quantize/int4_rounding.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace orthant {
namespace {

constexpr std::array<std::string_view, 3> kSchemeNames = {"affine", "symmetric", "textbook"};

// Shares of the full range that are tried.
constexpr std::array<float, 11> kShrinkages = {1.0F, 0.96F, 0.92F, 0.88F, 0.84F, 0.8F, 0.76F, 0.72F, 0.68F, 0.64F, 0.6F};

constexpr float kRounder = 12'582'912.0F;  // 1.5 * 2^23: adding it rounds to whole numbers

float nearest(float value) {
  return (value + kRounder) - kRounder;
}

float nearest_code(float value, float inverse, float zero_point) {
  return std::min(15.0F, std::max(0.0F, nearest(value * inverse) + zero_point));
}

float inverse_of(float scale) {
  return scale > 0 ? 1.0F / scale : 0.0F;
}

float squared_error(std::span<const float> values, const Int4Grid& grid) {
  const float inverse = inverse_of(grid.scale);
  const auto zero_point = static_cast<float>(grid.zero_point);
  float sum = 0;
  for (const float value : values) {
    const float difference = value * inverse - (nearest_code(value, inverse, zero_point) - zero_point);
    sum += difference * difference;
  }
  return sum * grid.scale * grid.scale;
}

Int4Grid grid_of_range(float low, float high, Int4Scheme scheme) {
  switch (scheme) {
    case Int4Scheme::kSymmetric: return {.scale = std::max(high / 7.0F, -low / 8.0F), .zero_point = 8};
    case Int4Scheme::kTextbook: return {.scale = (high - low) / 15.0F, .zero_point = 8};
    case Int4Scheme::kAffine: break;
  }
  const float scale = (high - low) / 15.0F;
  return {.scale = scale, .zero_point = static_cast<std::uint8_t>(nearest(-low * inverse_of(scale)))};
}

struct Range {
  float low = 0;  // 0 is always inside
  float high = 0;
};

Range range_of(std::span<const float> values, Int4Scheme scheme) {
  if (values.empty()) return {};
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  if (scheme == Int4Scheme::kTextbook) return {*low, *high};
  return {std::min(*low, 0.0F), std::max(*high, 0.0F)};
}

}  // namespace

Result<Int4Scheme> parse_int4_scheme(std::string_view name) {
  for (std::size_t i = 0; i < kSchemeNames.size(); ++i) {
    if (kSchemeNames[i] == name) return static_cast<Int4Scheme>(i);
  }
  return invalid_argument(fmt::format("int4 scheme: found \"{}\", expected {}", name, fmt::join(kSchemeNames, ", ")));
}

std::string_view int4_scheme_name(Int4Scheme scheme) {
  return kSchemeNames[static_cast<std::size_t>(scheme)];
}

Int4Grid full_range_grid(std::span<const float> values, Int4Scheme scheme) {
  const Range range = range_of(values, scheme);
  return grid_of_range(range.low, range.high, scheme);
}

Int4Grid fit_int4_grid(std::span<const float> values, Int4Scheme scheme) {
  const Range range = range_of(values, scheme);
  Int4Grid best = grid_of_range(range.low, range.high, scheme);
  if (scheme == Int4Scheme::kTextbook) return best;
  float best_error = squared_error(values, best);
  for (const float shrinkage : kShrinkages) {
    const Int4Grid grid = grid_of_range(range.low * shrinkage, range.high * shrinkage, scheme);
    const float error = squared_error(values, grid);
    if (error < best_error) {
      best_error = error;
      best = grid;
    }
  }
  return best;
}

std::uint8_t int4_code(float value, const Int4Grid& grid) {
  return static_cast<std::uint8_t>(nearest_code(value, inverse_of(grid.scale), static_cast<float>(grid.zero_point)));
}

}  // namespace orthant
