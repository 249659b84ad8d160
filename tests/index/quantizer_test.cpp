#include "index/quantizer.h"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "index/scalar_quantizer.h"
#include "index/sign_quantizer.h"
#include "tests/index/brute_force.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

TEST(SignQuantizer, WritesTheBytesOfUbinary) {
  const std::vector<float> vector = {0.5f, -1, 0, 2, 0.1f, -3, 7, 1, 4};
  std::vector<std::uint8_t> code(2);
  SignQuantizer(9, false).encode(vector, code, {});
  EXPECT_EQ(code, (std::vector<std::uint8_t>{0x9b, 0x80}));
}

TEST(SignQuantizer, EstimatesTheProductOfARowWithItselfAsItsSquaredNorm) {
  std::mt19937_64 random(test::random_seed());
  const auto row = test::clustered_rows(1, 100, random);
  const SignQuantizer quantizer(100, true);
  std::vector<std::uint8_t> code(quantizer.code_bytes());
  std::vector<float> scale(1);
  quantizer.encode(row, code, scale);
  const EstimateTables estimate = make_estimate_tables(quantizer.code_query(row));
  double sum = 0;
  for (std::size_t byte = 0; byte < code.size(); ++byte) {
    sum += estimate.tables.entries[byte * 32 + (code[byte] >> 4)] + estimate.tables.entries[byte * 32 + 16 + (code[byte] & 15)];
  }
  const double norm = squared_norm(row);
  EXPECT_NEAR(scale[0] * (estimate.tables.step * sum + estimate.tables.base) + estimate.constant, -norm, 0.04 * norm);
}

TEST(ScalarQuantizer, RoundsToTheNearestCodeOfASymmetricScale) {
  std::vector<std::uint8_t> code(3);
  EXPECT_FLOAT_EQ(quantize_row(std::vector<float>{1.27f, -0.5f, 0}, code), 0.01f);
  EXPECT_EQ(code, (std::vector<std::uint8_t>{255, 78, 128}));
  EXPECT_EQ(quantize_row(std::vector<float>{0, -0.0f, 0}, code), 0);
  EXPECT_EQ(code, (std::vector<std::uint8_t>{128, 128, 128}));
}

TEST(ScalarQuantizer, KeepsEveryValueWithinHalfAScale) {
  std::mt19937_64 random(test::random_seed());
  for (float size : {1e-36f, 1e-30f, 1.0f, 1e30f, 3e38f}) {
    auto vector = test::clustered_rows(1, 77, random);
    float largest = 0;
    for (float value : vector) largest = std::max(largest, std::fabs(value));
    for (float& value : vector) value = value / largest * size;
    std::vector<std::uint8_t> code(77);
    const double scale = quantize_row(vector, code);
    for (std::size_t i = 0; i < 77; ++i) {
      ASSERT_NEAR(scale * (int{code[i]} - 128), vector[i], 0.501 * scale + 2e-45) << size;
      ASSERT_GE(code[i], 1);
    }
  }
}

TEST(ScalarQuantizer, TakesQueriesOfIntegersAsTheyAre) {
  const QuantizedQuery query = quantize_query(std::vector<float>{-128, 5, 127});
  EXPECT_EQ(query.scale, 1);
  EXPECT_EQ(query.values, (std::vector<std::int8_t>{-128, 5, 127}));
  EXPECT_FLOAT_EQ(quantize_query(std::vector<float>{0.5f, 1}).scale, 1.0f / 127);
}

}  // namespace
}  // namespace orthant
