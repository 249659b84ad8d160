#include "encoder/quantize/planner.h"

#include <algorithm>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace orthant {
namespace {

using Layers = std::vector<std::vector<PrecisionOption>>;

PrecisionOption total(const Layers& layers, std::span<const std::size_t> chosen) {
  PrecisionOption sum;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const PrecisionOption& option = layers[i][chosen[i]];
    sum = {sum.bytes + option.bytes, sum.latency + option.latency, sum.harm + option.harm};
  }
  return sum;
}

bool keeps(const PrecisionOption& sum, const PlanLimits& limits) {
  return sum.bytes <= limits.bytes.value_or(1e300) * (1 + 1e-9) && sum.latency <= limits.latency.value_or(1e300) * (1 + 1e-9);
}

// Of all choices, infinity where none keeps the limits.
double least_harm_by_trying_all(const Layers& layers, const PlanLimits& limits) {
  std::vector<std::size_t> chosen(layers.size());
  double least = std::numeric_limits<double>::infinity();
  while (true) {
    const PrecisionOption sum = total(layers, chosen);
    if (keeps(sum, limits)) least = std::min(least, sum.harm);
    std::size_t layer = 0;
    while (layer < layers.size() && ++chosen[layer] == layers[layer].size()) chosen[layer++] = 0;
    if (layer == layers.size()) return least;
  }
}

// Precisions as they are: fewer bytes, more harm; latency mostly falls with bytes.
Layers random_layers(std::mt19937_64& random, std::size_t count) {
  std::uniform_real_distribution<double> unit(0, 1);
  Layers layers(count);
  for (auto& options : layers) {
    const double size = 1 + 4 * unit(random);
    const double sensitivity = unit(random) * unit(random);
    options = {{4 * size, size, 0},
               {2 * size, (0.5 + unit(random)) * size, 0.001 * sensitivity},
               {size, (0.2 + 0.4 * unit(random)) * size, 0.05 * sensitivity},
               {0.6 * size, (0.2 + 0.6 * unit(random)) * size, sensitivity}};
  }
  return layers;
}

TEST(Planner, FindsTheChoiceOfLeastHarm) {
  std::mt19937_64 random(test::random_seed());
  std::uniform_real_distribution<double> unit(0, 1);
  std::size_t met = 0;
  for (int round = 0; round < 60; ++round) {
    const Layers layers = random_layers(random, 1 + round % 6);
    const PrecisionOption float32 = total(layers, std::vector<std::size_t>(layers.size()));
    PlanLimits limits;
    if (round % 3 != 0) limits.bytes = (0.1 + 0.5 * unit(random)) * float32.bytes;
    if (round % 3 != 1) limits.latency = (0.3 + 0.5 * unit(random)) * float32.latency;
    const double least = least_harm_by_trying_all(layers, limits);
    const auto chosen = choose_precisions(layers, limits);
    ASSERT_EQ(chosen.has_value(), least < 1e300) << round;
    if (!chosen) continue;
    const PrecisionOption sum = total(layers, *chosen);
    EXPECT_TRUE(keeps(sum, limits)) << round;
    EXPECT_NEAR(sum.harm, least, 1e-12) << round;
    ++met;
  }
  EXPECT_GT(met, 20U);
}

TEST(Planner, ManyLayersAreSolvedNearTheBest) {
  std::mt19937_64 random(test::random_seed());
  const Layers layers = random_layers(random, 72);
  const PrecisionOption float32 = total(layers, std::vector<std::size_t>(layers.size()));
  const PlanLimits limits{.bytes = 0.22 * float32.bytes, .latency = 0.5 * float32.latency};
  const auto both = choose_precisions(layers, limits);
  ASSERT_TRUE(both) << both.error().message;
  EXPECT_TRUE(keeps(total(layers, *both), limits));
  // The limit of a Lagrangian relaxation on memory alone is a bound from below for that problem.
  const PlanLimits memory{.bytes = 0.22 * float32.bytes, .latency = {}};
  const double found = total(layers, choose_precisions(layers, memory).value()).harm;
  double bound = 0;
  for (double price = 1e-4; price < 10; price *= 1.02) {
    double relaxed = -price * *memory.bytes;
    for (const auto& options : layers) {
      double least = std::numeric_limits<double>::infinity();
      for (const PrecisionOption& option : options) least = std::min(least, option.harm + price * option.bytes);
      relaxed += least;
    }
    bound = std::max(bound, relaxed);
  }
  EXPECT_GE(found, bound - 1e-9);
  EXPECT_LE(found, bound * 1.02 + 1e-3);
}

TEST(Planner, ABudgetThatIsExactlyTheCostIsMet) {
  const Layers layers(24, {{4e6, 1, 0}, {0.1, 0.1, 1}});
  const auto chosen = choose_precisions(layers, {.bytes = 12 * 4e6 + 12 * 0.1, .latency = {}});
  ASSERT_TRUE(chosen);
  EXPECT_EQ(std::ranges::count(*chosen, 0U), 12);
}

TEST(Planner, WithoutALimitNothingIsHarmed) {
  const Layers layers(3, {{1, 1, 0.5}, {4, 4, 0}});
  EXPECT_EQ(choose_precisions(layers, {}).value(), std::vector<std::size_t>(3, 1));
}

TEST(Planner, SaysWhatABudgetWouldNeed) {
  const Layers layers(3, {{4000, 1, 0}, {1000, 0.5, 1}});
  const auto chosen = choose_precisions(layers, {.bytes = 2999, .latency = {}});
  ASSERT_FALSE(chosen);
  EXPECT_EQ(chosen.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_NE(chosen.error().message.find("2999"), std::string::npos) << chosen.error().message;
  EXPECT_NE(chosen.error().message.find("3000"), std::string::npos) << chosen.error().message;
}

TEST(Budget, SharesAndAmountsAreRead) {
  EXPECT_DOUBLE_EQ(parse_budget("memory=40%").value().limit(200), 80);
  EXPECT_DOUBLE_EQ(parse_budget("memory=12MB").value().limit(1), 12e6);
  EXPECT_DOUBLE_EQ(parse_budget("memory=1.5MiB").value().limit(1), 1.5 * 1048576);
  const Budget latency = parse_budget("latency=62.5%").value();
  EXPECT_EQ(latency.kind, Budget::Kind::kLatency);
  EXPECT_DOUBLE_EQ(latency.limit(2), 1.25);
}

TEST(Budget, WrongOnesAreRefused) {
  for (const char* wrong : {"", "memory", "memory=", "memory=%", "memory=12", "memory=-1MB", "memory=0%", "memory=nanMB",
                            "memory=infMB", "latency=12MB", "latency=3 ms", "speed=40%", "memory=1e%", "memory=4x0%"}) {
    const auto budget = parse_budget(wrong);
    ASSERT_FALSE(budget) << wrong;
    EXPECT_EQ(budget.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(budget.error().message.find("budget"), std::string::npos);
  }
}

}  // namespace
}  // namespace orthant
