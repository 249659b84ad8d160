#include "engine/query/fusion.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace orthant::test {
namespace {

std::vector<RankedList> random_lists(std::mt19937_64& random) {
  std::normal_distribution<float> normal;
  std::vector<RankedList> lists(1 + random() % 4);
  for (RankedList& list : lists) {
    std::vector<float> scores(random() % 12);
    for (float& score : scores) score = normal(random);
    std::ranges::sort(scores, std::greater());
    std::vector<Ordinal> rows(20);
    for (Ordinal i = 0; i < rows.size(); ++i) rows[i] = i;
    std::ranges::shuffle(rows, random);
    for (std::size_t i = 0; i < scores.size(); ++i) list.push_back({rows[i], scores[i]});
  }
  return lists;
}

void expect_scores(const RankedList& found, const std::map<Ordinal, double>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_NEAR(found[i].score, expected.at(found[i].ordinal), 1e-5);
    if (i > 0) {
      EXPECT_GE(found[i - 1].score, found[i].score);
    }
  }
}

TEST(Fusion, ByRankIsTheSumOfReciprocalRanks) {
  std::mt19937_64 random(random_seed());
  for (int round = 0; round < 50; ++round) {
    const std::vector<RankedList> lists = random_lists(random);
    RankFusion fusion{.k = 1 + random() % 60};
    if (round % 2 == 1) {
      for (std::size_t i = 0; i < lists.size(); ++i) fusion.weights.push_back(static_cast<double>(random() % 5) / 2);
    }
    std::map<Ordinal, double> expected;
    for (std::size_t i = 0; i < lists.size(); ++i) {
      const double weight = fusion.weights.empty() ? 1 : fusion.weights[i];
      for (std::size_t rank = 0; rank < lists[i].size(); ++rank) {
        const double k = static_cast<double>(fusion.k);
        expected[lists[i][rank].ordinal] += weight == 0 ? 0 : 1 / ((static_cast<double>(rank) + 1) / weight + k - 1);
      }
    }
    expect_scores(fuse_by_rank(lists, fusion).value(), expected);
  }
}

TEST(Fusion, ByRankGivesTheFirstOfTheOnlyListOneHalf) {
  const std::vector<RankedList> lists = {{{7, 0.9F}, {3, 0.1F}}};
  const RankedList fused = fuse_by_rank(lists, {}).value();
  EXPECT_FLOAT_EQ(fused[0].score, 1.0F / 2);
  EXPECT_FLOAT_EQ(fused[1].score, 1.0F / 3);
}

TEST(Fusion, KeepsTheOrderOfFirstAppearanceAmongEqualScores) {
  const std::vector<RankedList> lists = {{{9, 1}}, {{2, 1}}, {{5, 1}}};
  const RankedList fused = fuse_by_rank(lists, {}).value();
  EXPECT_EQ(fused[0].ordinal, 9);
  EXPECT_EQ(fused[1].ordinal, 2);
  EXPECT_EQ(fused[2].ordinal, 5);
}

TEST(Fusion, RefusesWeightsThatAreNotOneAList) {
  const std::vector<RankedList> lists(2);
  EXPECT_EQ(fuse_by_rank(lists, {.weights = {1}}).error().code, ErrorCode::kInvalidArgument);
}

TEST(Fusion, ByDistributionIsTheSumOfScaledScores) {
  std::mt19937_64 random(random_seed());
  for (int round = 0; round < 50; ++round) {
    const std::vector<RankedList> lists = random_lists(random);
    std::map<Ordinal, double> expected;
    for (const RankedList& list : lists) {
      double mean = 0, squares = 0;
      for (const ScoredOrdinal& hit : list) mean += hit.score / static_cast<double>(list.size());
      for (const ScoredOrdinal& hit : list) squares += (hit.score - mean) * (hit.score - mean);
      const double deviation = list.size() > 1 ? std::sqrt(squares / static_cast<double>(list.size() - 1)) : 0;
      for (const ScoredOrdinal& hit : list) {
        expected[hit.ordinal] += deviation == 0 ? 0.5 : (hit.score - mean + 3 * deviation) / (6 * deviation);
      }
    }
    expect_scores(fuse_by_distribution(lists), expected);
  }
}

TEST(Fusion, ByDistributionGivesOneHalfWithoutVariance) {
  const std::vector<RankedList> lists = {{{1, 3}, {2, 3}}, {{1, 8}}};
  const RankedList fused = fuse_by_distribution(lists);
  EXPECT_EQ(fused[0].ordinal, 1);
  EXPECT_FLOAT_EQ(fused[0].score, 1);
  EXPECT_FLOAT_EQ(fused[1].score, 0.5);
}

}  // namespace
}  // namespace orthant::test
