// The roundings of single values, groups and rows: half floats over all bit patterns, int8 rows and their pair sums, int4 groups
// with the textbooks' example, NF4 with its published values.

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "encoder/kernels/int8_range.h"
#include "encoder/quantize/half_floats.h"
#include "encoder/quantize/int4_rounding.h"
#include "encoder/quantize/int8_rounding.h"
#include "encoder/quantize/nf4_rounding.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

double value_of_float16(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const int fraction = bits & 1023;
  const double sign = (bits & 0x8000U) != 0 ? -1 : 1;
  if (exponent == 31) return fraction == 0 ? sign * std::numeric_limits<double>::infinity() : std::nan("");
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

double value_of_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

// Each value comes back; between two neighbours the nearer one is taken, in the middle the even one.
template <typename ToHalf, typename ToDouble>
void check_all_patterns(ToHalf to_half, ToDouble value_of, std::uint16_t infinity) {
  for (std::uint32_t pattern = 0; pattern <= 0xFFFF; ++pattern) {
    const auto bits = static_cast<std::uint16_t>(pattern);
    const double value = value_of(bits);
    const std::uint16_t back = to_half(static_cast<float>(value));
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(value_of(back))) << pattern;
      continue;
    }
    ASSERT_EQ(back, bits);
    const auto next = static_cast<std::uint16_t>(bits + 1);
    if ((bits & 0x7FFFU) + 1U >= infinity) continue;
    const double middle = (value + value_of(next)) / 2;
    ASSERT_EQ(static_cast<double>(static_cast<float>(middle)), middle);
    ASSERT_EQ(to_half(static_cast<float>(middle)), bits % 2 == 0 ? bits : next) << pattern;
    const auto middle_float = static_cast<float>(middle);
    ASSERT_EQ(to_half(std::nextafter(middle_float, 0.0F)), bits) << pattern;
    ASSERT_EQ(
        to_half(std::nextafter(middle_float, static_cast<float>(std::copysign(std::numeric_limits<double>::infinity(), middle)))),
        next)
        << pattern;
  }
}

TEST(HalfFloats, RoundToTheNearestFloat16AroundAllPatterns) {
  check_all_patterns(float16_from_float, value_of_float16, 0x7C00);
  EXPECT_EQ(float16_from_float(65519.99F), 0x7BFF);
  EXPECT_EQ(float16_from_float(65520.0F), 0x7C00);
  EXPECT_EQ(float16_from_float(-1e30F), 0xFC00);
  EXPECT_EQ(float16_from_float(0x1p-25F), 0);  // half of the smallest, to even
  EXPECT_EQ(float16_from_float(std::nextafter(0x1p-25F, 1.0F)), 1);
}

TEST(HalfFloats, RoundToTheNearestBfloat16AroundAllPatterns) {
  check_all_patterns(bfloat16_from_float, value_of_bfloat16, 0x7F80);
  EXPECT_EQ(bfloat16_from_float(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_EQ(bfloat16_from_float(std::bit_cast<float>(0x7F800001U)), 0x7FC0);  // stays no number
}

double squared_error(std::span<const float> row, float scale, std::span<const std::int8_t> codes) {
  double sum = 0;
  for (std::size_t i = 0; i < row.size(); ++i)
    sum += std::pow(static_cast<double>(row[i]) - static_cast<double>(scale) * codes[i], 2);
  return sum;
}

TEST(Int8Rounding, LowersASetThatExceedsItsSumEvenly) {
  // Scale 1: inputs 0, 1, 4, 5 are one set, with 4 * 100 = 400 positive and so 142 to lose; the other set stays.
  const std::array row = {100.0F, 100.0F, 127.0F, -127.0F, 100.0F, 100.0F, 127.0F, -127.0F};
  std::array<std::int8_t, 8> codes{};
  round_to_int8(row, 1.0F, codes);
  EXPECT_EQ(codes[0] + codes[1] + codes[4] + codes[5], kMaxPairSum);
  for (const std::size_t i : {0U, 1U, 4U, 5U}) EXPECT_NEAR(codes[i], 64.5, 0.6);
  for (const std::size_t i : {2U, 3U, 6U, 7U}) EXPECT_EQ(codes[i], row[i]);
}

TEST(Int8Rounding, NeverLowersACodeBelowZero) {
  const std::array row = {-127.0F, -127.0F, 0.0F, 0.0F, -127.0F, -1.0F};
  std::array<std::int8_t, 6> codes{};
  round_to_int8(row, 1.0F, codes);
  EXPECT_EQ(codes[0] + codes[1] + codes[4] + codes[5], -kMaxPairSum);
  EXPECT_LE(codes[5], 0);
  EXPECT_GE(codes[5], -1);
}

TEST(Int8Rounding, ChoosesTheScaleOfLeastErrorAmongAll) {
  std::mt19937_64 generator(test::random_seed());
  std::normal_distribution<float> normal;
  for (int round = 0; round < 200; ++round) {
    std::vector<float> row(1 + generator() % 100);
    // Some rows with a flat distribution, whose sets exceed their sums.
    for (float& value : row) value = round % 2 == 0 ? normal(generator) : std::clamp(5 * normal(generator), -1.0F, 1.0F);
    float largest = 0;
    for (const float value : row) largest = std::max(largest, std::abs(value));
    std::vector<std::int8_t> codes(row.size());
    double least = std::numeric_limits<double>::infinity();
    for (int i = 0; i < 25; ++i) {
      const float scale = largest / 127 * (0.8F + 0.05F * static_cast<float>(i));
      round_to_int8(row, scale, codes);
      EXPECT_TRUE(within_pair_sums({.codes = codes, .scales = {scale}}, row.size()));
      least = std::min(least, squared_error(row, scale, codes));
    }
    const float chosen = fit_int8_scale(row);
    round_to_int8(row, chosen, codes);
    EXPECT_LE(squared_error(row, chosen, codes), least * 1.0001);
  }
}

TEST(Int8Rounding, GivesZerosForZeros) {
  const std::vector<float> row(10, 0.0F);
  std::vector<std::int8_t> codes(10, 7);
  EXPECT_EQ(fit_int8_scale(row), 0.0F);
  round_to_int8(row, 0.0F, codes);
  EXPECT_EQ(codes, std::vector<std::int8_t>(10, 0));
}

TEST(Int8Range, FindsASumThatIsTooLargeInEveryPlace) {
  constexpr std::size_t kInputs = 13;
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t set = 0; set < pair_set_count(kInputs); ++set) {
      for (const int sign : {1, -1}) {
        Int8Weights weights{.codes = std::vector<std::int8_t>(3 * kInputs), .scales = {1, 1, 1}};
        int members = 0;
        for (std::size_t i = 0; i < kInputs; ++i) {
          if (pair_set(i) != set || members == 3) continue;
          weights.codes[row * kInputs + i] = static_cast<std::int8_t>(sign * 86);
          ++members;
        }
        EXPECT_TRUE(within_pair_sums(weights, kInputs));
        if (members < 3) continue;
        for (std::size_t i = 0; i < kInputs; ++i) {
          if (pair_set(i) == set) {
            weights.codes[row * kInputs + i] = static_cast<std::int8_t>(sign * 87);
            break;
          }
        }
        EXPECT_FALSE(within_pair_sums(weights, kInputs)) << row << ", " << set;
      }
    }
  }
}

TEST(Int4Rounding, GivesTheTextbooksCodes) {
  const std::array<std::array<float, 3>, 3> columns = {{{1.5F, -1.2F, 2.0F}, {-0.9F, 0.4F, -2.4F}, {2.1F, 0.0F, 1.8F}}};
  const std::array<std::array<int, 3>, 3> expected = {{{7, -6, 7}, {-5, 2, -8}, {7, 0, 7}}};
  const std::array ranges = {3.2F, 2.8F, 2.1F};
  for (std::size_t column = 0; column < 3; ++column) {
    const Int4Grid grid = full_range_grid(columns[column], Int4Scheme::kTextbook);
    EXPECT_FLOAT_EQ(grid.scale, ranges[column] / 15);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(int4_code(columns[column][i], grid) - 8, expected[column][i]);
  }
}

TEST(Int4Rounding, ReachesBothExtremesOfAGroup) {
  const std::array values = {-0.3F, 0.1F, 1.2F, 0.0F};
  const Int4Grid affine = full_range_grid(values, Int4Scheme::kAffine);
  EXPECT_FLOAT_EQ(affine.scale, 0.1F);
  EXPECT_EQ(affine.zero_point, 3);
  EXPECT_EQ(affine.value(int4_code(0.0F, affine)), 0.0F);
  EXPECT_EQ(int4_code(1.2F, affine), 15);
  EXPECT_EQ(int4_code(-0.3F, affine), 0);
  const Int4Grid symmetric = full_range_grid(values, Int4Scheme::kSymmetric);
  EXPECT_FLOAT_EQ(symmetric.scale, 1.2F / 7);
  EXPECT_EQ(int4_code(1.2F, symmetric), 15);
}

double group_error(std::span<const float> values, const Int4Grid& grid) {
  double sum = 0;
  for (const float value : values) sum += std::pow(static_cast<double>(value) - grid.value(int4_code(value, grid)), 2);
  return sum;
}

TEST(Int4Rounding, FitsGridsThatAreNeverWorseThanTheFullRange) {
  std::mt19937_64 generator(test::random_seed());
  std::normal_distribution<float> normal;
  double fitted = 0;
  double full = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<float> values(64);
    for (float& value : values) value = normal(generator);
    for (const Int4Scheme scheme : {Int4Scheme::kAffine, Int4Scheme::kSymmetric}) {
      const double of_full = group_error(values, full_range_grid(values, scheme));
      const double of_fitted = group_error(values, fit_int4_grid(values, scheme));
      EXPECT_LE(of_fitted, of_full * 1.0001);
      full += of_full;
      fitted += of_fitted;
    }
  }
  EXPECT_LT(fitted, 0.95 * full);
}

TEST(Int4Rounding, TakesGroupsOfOneSignAndOfZeros) {
  const std::array positive = {2.0F, 3.0F};
  const Int4Grid grid = full_range_grid(positive, Int4Scheme::kAffine);
  EXPECT_EQ(grid.zero_point, 0);
  EXPECT_FLOAT_EQ(grid.value(int4_code(3.0F, grid)), 3.0F);
  const std::array zeros = {0.0F, 0.0F};
  for (const Int4Scheme scheme : {Int4Scheme::kAffine, Int4Scheme::kSymmetric, Int4Scheme::kTextbook}) {
    const Int4Grid of_zeros = fit_int4_grid(zeros, scheme);
    EXPECT_EQ(of_zeros.value(int4_code(0.0F, of_zeros)), 0.0F);
  }
}

// bitsandbytes/functional.py, create_normal_map / get_4bit_type("nf4"), as published with QLoRA.
TEST(Nf4Rounding, HasThePublishedValues) {
  const std::array published = {-1.0,
                                -0.6961928009986877,
                                -0.5250730514526367,
                                -0.39491748809814453,
                                -0.28444138169288635,
                                -0.18477343022823334,
                                -0.09105003625154495,
                                0.0,
                                0.07958029955625534,
                                0.16093020141124725,
                                0.24611230194568634,
                                0.33791524171829224,
                                0.44070982933044434,
                                0.5626170039176941,
                                0.7229568362236023,
                                1.0};
  for (std::size_t i = 0; i < published.size(); ++i) EXPECT_FLOAT_EQ(nf4_values()[i], static_cast<float>(published[i]));
}

TEST(Nf4Rounding, TakesTheNearestOfTheValues) {
  std::mt19937_64 generator(test::random_seed());
  std::normal_distribution<float> normal;
  std::vector<float> values(64 * 300);
  for (float& value : values) value = normal(generator);
  const Nf4Weights weights = round_to_nf4(values);
  ASSERT_EQ(weights.absmax_codes.size(), 300U);
  ASSERT_EQ(weights.absmax_scales.size(), 2U);
  for (std::size_t block = 0; block < 300; ++block) {
    double absmax = 0;
    for (std::size_t i = 0; i < 64; ++i) absmax = std::max(absmax, std::abs(static_cast<double>(values[block * 64 + i])));
    const double scale = static_cast<double>(weights.absmax_scales[block / 256]) / 127;
    EXPECT_NEAR(weights.absmax_codes[block] * scale + weights.absmax_mean, absmax, scale * 0.501);
    for (std::size_t i = 0; i < 64; ++i) {
      const std::size_t position = block * 64 + i;
      const int code = position % 2 == 0 ? weights.codes[position / 2] & 15 : weights.codes[position / 2] >> 4;
      const double wanted = values[position] / absmax;
      for (const float other : nf4_values()) {
        EXPECT_LE(std::abs(wanted - nf4_values()[static_cast<std::size_t>(code)]), std::abs(wanted - other) + 1e-6);
      }
    }
  }
}

}  // namespace
}  // namespace orthant
