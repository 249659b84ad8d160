// Differences of the same queries, against counts of all signs and what chance must do.

#include "engine/paired_difference.h"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace orthant {
namespace {

TEST(PairedDifference, SaysHowFarAndHowSure) {
  const std::vector<double> before = {0.5, 0.5, 0.5, 0.5, 0.5, 0.5};
  const std::vector<double> after = {0.7, 0.6, 0.9, 0.8, 0.5, 0.4};
  const PairedDifference result = paired_difference(before, after);
  EXPECT_NEAR(result.mean, 0.15, 1e-12);
  // Standard deviation of .2, .1, .4, .3, 0, -.1 is sqrt(.035).
  EXPECT_NEAR(result.high - result.mean, 1.96 * std::sqrt(0.035 / 6), 1e-12);
  EXPECT_NEAR(result.mean - result.low, result.high - result.mean, 1e-12);
  EXPECT_EQ(result.better, 4U);
  EXPECT_EQ(result.worse, 1U);
  // Of the 32 signs of the five, those with a sum of .9 or more: none turned, the last, both of .1; and their mirrors.
  EXPECT_NEAR(result.p_value, 6.0 / 32, 0.02);
}

TEST(PairedDifference, IsNoneWhereNothingDiffers) {
  const std::vector<double> same = {0.1, 0.2, 0.3};
  const PairedDifference result = paired_difference(same, same);
  EXPECT_EQ(result.mean, 0);
  EXPECT_EQ(result.p_value, 1);
  EXPECT_EQ(result.better + result.worse, 0U);
  EXPECT_EQ(paired_difference({}, {}).p_value, 1);
}

TEST(PairedDifference, FindsWhatIsThereAndNotWhatIsNot) {
  std::mt19937 generator(test::sample_seed());
  std::normal_distribution<double> normal;
  std::size_t significant = 0;
  constexpr std::size_t kTrials = 20;
  for (std::size_t trial = 0; trial < kTrials; ++trial) {
    std::vector<double> before(100);
    std::vector<double> noise(100);
    for (double& value : before) value = normal(generator);
    for (double& value : noise) value = normal(generator);
    std::vector<double> shifted = before;
    for (std::size_t i = 0; i < before.size(); ++i) shifted[i] += 0.5 + 0.5 * noise[i];
    EXPECT_LT(paired_difference(before, shifted).p_value, 0.001);
    for (std::size_t i = 0; i < before.size(); ++i) shifted[i] = before[i] + noise[i];
    significant += paired_difference(before, shifted).p_value < 0.05 ? 1 : 0;
  }
  // One of 20 is expected by chance.
  EXPECT_LE(significant, 6U);
}

TEST(PairedDifference, TurnsAroundWithTheOrder) {
  const std::vector<double> a = {0.5, 0.25, 0.75, 0.125};
  const std::vector<double> b = {0.25, 0.5, 0.25, 0.0};
  const PairedDifference there = paired_difference(a, b);
  const PairedDifference back = paired_difference(b, a);
  EXPECT_EQ(there.mean, -back.mean);
  EXPECT_EQ(there.p_value, back.p_value);
  EXPECT_EQ(there.better, back.worse);
}

}  // namespace
}  // namespace orthant
