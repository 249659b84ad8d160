#include "index/fast_rotation.h"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace orthant {
namespace {

std::vector<float> normal_values(std::size_t count, std::mt19937_64& random) {
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * b[i];
  return sum;
}

TEST(FastRotation, KeepsNormsAndDotProductsInAnyDimension) {
  std::mt19937_64 random(test::random_seed());
  for (std::size_t dim : {1u, 2u, 3u, 7u, 8u, 31u, 100u, 384u, 511u, 1'000u, 4'099u, 65'535u, 65'536u}) {
    const FastRotation rotation(dim, random());
    std::vector<float> a = normal_values(dim, random);
    std::vector<float> b = normal_values(dim, random);
    const double before = dot(a, b);
    const double norm = dot(a, a);
    std::vector<float> scratch(dim);
    rotation.apply(a, scratch);
    rotation.apply(b, scratch);
    EXPECT_NEAR(dot(a, b), before, 1e-4 * static_cast<double>(dim)) << dim;
    EXPECT_NEAR(dot(a, a), norm, 1e-5 * norm) << dim;
  }
}

// A unit vector must be spread over all dimensions, whatever the overlap of the blocks.
TEST(FastRotation, SpreadsSingleDimensionsOverAll) {
  std::mt19937_64 random(test::sample_seed());
  for (std::size_t dim : {384u, 511u, 513u, 1'000u}) {
    const FastRotation rotation(dim, random());
    std::vector<float> scratch(dim);
    double fourth_powers = 0;
    for (std::size_t axis = 0; axis < 50; ++axis) {
      std::vector<float> unit(dim);
      unit[random() % dim] = 1;
      rotation.apply(unit, scratch);
      for (float value : unit) fourth_powers += std::pow(double{value}, 4) * static_cast<double>(dim) / 50;
    }
    EXPECT_LT(fourth_powers, 4) << dim;  // 3 for normally distributed values, dim for a single axis
  }
}

TEST(FastRotation, FollowsFromItsSeed) {
  std::mt19937_64 random(test::random_seed());
  const std::vector<float> vector = normal_values(70, random);
  std::vector<float> first = vector, second = vector, other = vector, scratch(70);
  FastRotation(70, 5).apply(first, scratch);
  FastRotation(70, 5).apply(second, scratch);
  FastRotation(70, 6).apply(other, scratch);
  EXPECT_EQ(first, second);
  EXPECT_NE(first, other);
}

}  // namespace
}  // namespace orthant
