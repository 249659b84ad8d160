#include "encoder/training/moment_codes.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

namespace orthant {
namespace {

constexpr int kExponents = 7;

struct Table {
  std::array<float, 256> values{};
  std::array<float, 256> upper{};  // up to where a value is the nearest one; of the last infinity

  explicit Table(MomentSign sign) {
    const bool is_signed = sign == MomentSign::kSigned;
    std::size_t count = 0;
    values[count++] = 0;
    values[count++] = 1;
    for (int exponent = 0; exponent < kExponents; ++exponent) {
      const int steps = 1 << (is_signed ? exponent : exponent + 1);
      const double unit = std::pow(10.0, exponent - kExponents + 1);
      for (int step = 0; step < steps; ++step) {
        const auto value = static_cast<float>(unit * (0.1 + 0.9 * (step + 0.5) / steps));
        values[count++] = value;
        if (is_signed) values[count++] = -value;
      }
    }
    assert(count == values.size());
    std::ranges::sort(values);
    for (std::size_t i = 0; i + 1 < values.size(); ++i) upper[i] = (values[i] + values[i + 1]) / 2;
    upper.back() = INFINITY;
  }
};

const Table& table_of(MomentSign sign) {
  static const Table tables[] = {Table(MomentSign::kSigned), Table(MomentSign::kPositive)};
  return tables[static_cast<std::size_t>(sign)];
}

// The first place whose upper end is not below `value`: eight halvings, the same for every value.
std::uint8_t nearest(const std::array<float, 256>& upper, float value) {
  std::size_t place = 0;
  for (std::size_t half = 128; half > 0; half /= 2) place += upper[place + half - 1] < value ? half : 0;
  return static_cast<std::uint8_t>(place);
}

}  // namespace

std::span<const float, 256> dynamic_values(MomentSign sign) {
  return table_of(sign).values;
}

float encode_moments(MomentSign sign, std::span<const float> values, std::uint8_t* codes) {
  assert(values.size() <= kMomentBlock);
  const Table& table = table_of(sign);
  float largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(value));
  const float inverse = largest > 0 ? 1.0F / largest : 0.0F;
  for (std::size_t i = 0; i < values.size(); ++i) {
    codes[i] = nearest(table.upper, values[i] * inverse);
    if (sign == MomentSign::kPositive && codes[i] == 0 && values[i] > 0) codes[i] = 1;
  }
  return largest;
}

void decode_moments(MomentSign sign, std::span<const std::uint8_t> codes, float scale, float* values) {
  const Table& table = table_of(sign);
  for (std::size_t i = 0; i < codes.size(); ++i) values[i] = table.values[codes[i]] * scale;
}

}  // namespace orthant
