#include "engine/query/diversity.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace orthant::test {
namespace {

using Rows = std::vector<std::vector<float>>;

SimilaritiesTo similarities_of(const Rows& matrix) {
  return [&matrix](std::size_t chosen, std::span<float> out) -> Status {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = matrix[i][chosen];
    return {};
  };
}

// The definition, without keeping anything between steps.
std::vector<std::size_t> plain_choice(const std::vector<float>& relevance, double diversity, std::size_t limit,
                                      const Rows& matrix) {
  std::vector<std::size_t> pending, chosen;
  for (std::size_t i = 0; i < relevance.size(); ++i) pending.push_back(i);
  while (chosen.size() < limit && !pending.empty()) {
    std::size_t best = 0;
    double best_value = 0;
    for (std::size_t i = 0; i < pending.size(); ++i) {
      double nearest = -1e30;
      for (const std::size_t other : chosen) nearest = std::max(nearest, double{matrix[pending[i]][other]});
      const double value =
          chosen.empty() ? double{relevance[pending[i]]} : (1 - diversity) * relevance[pending[i]] - diversity * nearest;
      if (i == 0 || value >= best_value) {
        best = i;
        best_value = value;
      }
    }
    chosen.push_back(pending[best]);
    pending[best] = pending.back();
    pending.pop_back();
  }
  return chosen;
}

TEST(Diversity, AgreesWithTheDefinition) {
  std::mt19937_64 random(random_seed());
  for (int round = 0; round < 60; ++round) {
    const std::size_t count = random() % 30;
    // Coarse values, so that there are ties.
    const auto value = [&] { return static_cast<float>(random() % 6) / 4; };
    std::vector<float> relevance(count);
    std::ranges::generate(relevance, value);
    Rows matrix(count, std::vector<float>(count));
    for (auto& row : matrix) std::ranges::generate(row, value);
    const double diversity = static_cast<double>(random() % 5) / 4;
    const std::size_t limit = random() % 35;
    EXPECT_EQ(choose_diverse(relevance, diversity, limit, similarities_of(matrix)).value(),
              plain_choice(relevance, diversity, limit, matrix));
  }
}

TEST(Diversity, WithoutDiversityOrdersByRelevance) {
  const std::vector<float> relevance = {0.2F, 0.9F, 0.5F};
  const Rows matrix(3, std::vector<float>(3, 1));
  EXPECT_EQ(choose_diverse(relevance, 0, 3, similarities_of(matrix)).value(), (std::vector<std::size_t>{1, 2, 0}));
}

TEST(Diversity, LeavesOutACopyOfWhatWasChosen) {
  const std::vector<float> relevance = {0.9F, 0.89F, 0.5F};
  const Rows matrix = {{1, 1, 0}, {1, 1, 0}, {0, 0, 1}};
  EXPECT_EQ(choose_diverse(relevance, 0.5, 2, similarities_of(matrix)).value(), (std::vector<std::size_t>{0, 2}));
}

TEST(Diversity, PassesErrorsOn) {
  const std::vector<float> relevance = {1, 2};
  const SimilaritiesTo broken = [](std::size_t, std::span<float>) -> Status { return io_error("gone"); };
  EXPECT_EQ(choose_diverse(relevance, 0.5, 2, broken).error().message, "gone");
}

}  // namespace
}  // namespace orthant::test
