#include "engine/query/example_scores.h"

#include <algorithm>
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace orthant::test {
namespace {

// similarities[example][row]
using Similarities = std::vector<std::vector<double>>;

Similarities random_similarities(std::mt19937_64& random, std::size_t examples, std::size_t rows) {
  std::normal_distribution<double> normal(0, 3);
  Similarities similarities(examples, std::vector<double>(rows));
  for (auto& example : similarities) {
    // Coarse values, so that some are equal.
    std::ranges::generate(example, [&] { return std::round(4 * normal(random)) / 4; });
  }
  return similarities;
}

std::vector<float> scores_of(const ExampleScore& score, const Similarities& similarities, std::size_t rows) {
  std::vector<float> flat;
  for (const auto& example : similarities) flat.insert(flat.end(), example.begin(), example.end());
  std::vector<float> out(rows);
  score(flat, out);
  return out;
}

double sigmoid(double x) {
  return x / (1 + std::abs(x));
}
double scaled(double x) {
  return 0.5 * (sigmoid(x) + 1);
}

TEST(ExampleScores, BestScoreTakesTheNearerSide) {
  std::mt19937_64 random(random_seed());
  for (int round = 0; round < 30; ++round) {
    const std::size_t positives = random() % 4, negatives = (positives == 0 ? 1 : 0) + random() % 4, rows = 1 + random() % 64;
    const Similarities similarities = random_similarities(random, positives + negatives, rows);
    const auto found = scores_of(best_score(positives, negatives), similarities, rows);
    for (std::size_t row = 0; row < rows; ++row) {
      double positive = -INFINITY, negative = -INFINITY;
      for (std::size_t i = 0; i < positives; ++i) positive = std::max(positive, similarities[i][row]);
      for (std::size_t i = positives; i < positives + negatives; ++i) negative = std::max(negative, similarities[i][row]);
      EXPECT_NEAR(found[row], positive > negative ? scaled(positive) : -scaled(negative), 1e-6);
    }
  }
}

TEST(ExampleScores, SumsAreThoseOfPositivesLessThoseOfNegatives) {
  std::mt19937_64 random(random_seed());
  const Similarities similarities = random_similarities(random, 5, 40);
  const auto found = scores_of(sum_of_scores(3, 2), similarities, 40);
  for (std::size_t row = 0; row < 40; ++row) {
    double sum = 0;
    for (std::size_t i = 0; i < 5; ++i) sum += i < 3 ? similarities[i][row] : -similarities[i][row];
    EXPECT_NEAR(found[row], sum, 1e-4);
  }
}

TEST(ExampleScores, DiscoverRanksByPairsFirstThenByTheTarget) {
  std::mt19937_64 random(random_seed());
  for (const std::size_t pairs : {0, 1, 3}) {
    const Similarities similarities = random_similarities(random, 1 + 2 * pairs, 50);
    const auto found = scores_of(discover_score(pairs), similarities, 50);
    for (std::size_t row = 0; row < 50; ++row) {
      double score = scaled(similarities[0][row]);
      for (std::size_t i = 0; i < pairs; ++i) {
        const double difference = similarities[1 + 2 * i][row] - similarities[2 + 2 * i][row];
        score += difference > 0 ? 1 : (difference < 0 ? -1 : 0);
      }
      EXPECT_NEAR(found[row], score, 1e-5);
    }
  }
}

TEST(ExampleScores, ContextIsNoLossWhereAllPairsAgree) {
  std::mt19937_64 random(random_seed());
  const Similarities similarities = random_similarities(random, 6, 50);
  const auto found = scores_of(context_score(3), similarities, 50);
  for (std::size_t row = 0; row < 50; ++row) {
    double score = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      score += sigmoid(std::min(similarities[2 * i][row] - similarities[2 * i + 1][row] - 1.1920929e-7, 0.0));
    }
    EXPECT_NEAR(found[row], score, 1e-5);
    EXPECT_LE(found[row], 0);
  }
}

TEST(ExampleScores, FeedbackWeighsPairsByTheDifferenceOfTheirScores) {
  std::mt19937_64 random(random_seed());
  const std::vector<float> given = {0.9F, 0.2F, 0.9F, -0.5F};
  const Similarities similarities = random_similarities(random, 5, 30);
  const auto found = scores_of(feedback_score({.a = 0.7F, .b = 1.5F, .c = 0.3F}, given), similarities, 30);
  for (std::size_t row = 0; row < 30; ++row) {
    double score = 0.7 * similarities[0][row];
    for (std::size_t i = 0; i < given.size(); ++i) {
      for (std::size_t j = 0; j < given.size(); ++j) {
        const double confidence = given[i] - given[j];
        if (confidence <= 0) continue;
        score += std::pow(confidence, 1.5) * 0.3 * (similarities[1 + i][row] - similarities[1 + j][row]);
      }
    }
    EXPECT_NEAR(found[row], score, 1e-4);
  }
}

}  // namespace
}  // namespace orthant::test
