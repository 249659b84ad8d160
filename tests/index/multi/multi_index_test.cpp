#include "index/multi/multi_index.h"

#include <algorithm>
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace orthant::test {
namespace {

constexpr std::size_t kDim = 24;

class MultiModel {
 public:
  explicit MultiModel(std::uint64_t seed) : random_(seed) {}

  std::vector<float> random_rows(std::size_t most) {
    std::vector<float> values(kDim * std::uniform_int_distribution<std::size_t>(1, most)(random_));
    for (float& value : values) value = std::normal_distribution<float>()(random_);
    return values;
  }
  bool chance(double share) { return std::bernoulli_distribution(share)(random_); }

  void append(MultiIndex& index, std::size_t count) {
    std::vector<std::span<const float>> spans;
    const std::size_t before = rows.size();
    for (std::size_t i = 0; i < count; ++i) rows.push_back(chance(0.1) ? std::vector<float>() : random_rows(40));
    for (std::size_t i = before; i < rows.size(); ++i) spans.emplace_back(rows[i]);
    ASSERT_TRUE(index.append(spans).has_value());
  }

  static double max_sim(std::span<const float> query, std::span<const float> row, Metric metric) {
    double sum = 0;
    for (std::size_t q = 0; q < query.size(); q += kDim) {
      double best = -1e30;
      for (std::size_t r = 0; r < row.size(); r += kDim) {
        double similarity = 0;
        for (std::size_t d = 0; d < kDim; ++d) {
          const double a = query[q + d], b = row[r + d];
          if (metric == Metric::kEuclid) similarity -= (a - b) * (a - b);
          if (metric == Metric::kManhattan) similarity -= std::abs(a - b);
          if (!lower_score_is_better(metric)) similarity += a * b;
        }
        best = std::max(best, similarity);
      }
      sum += best;
    }
    return sum;
  }

  std::vector<std::vector<float>> rows;  // empty: none, or buried

 private:
  std::mt19937_64 random_;
};

TEST(MultiIndex, RanksByMaxSim) {
  MultiModel model(random_seed());
  for (const Metric metric : {Metric::kDot, Metric::kEuclid, Metric::kManhattan}) {
    MultiIndex index(kDim, metric);
    model.rows.clear();
    for (int round = 0; round < 3; ++round) {
      model.append(index, 150);
      for (Ordinal ordinal = 0; ordinal < model.rows.size(); ++ordinal) {
        if (!model.chance(0.05)) continue;
        index.bury(ordinal);
        model.rows[ordinal].clear();
      }
      EXPECT_EQ(index.live_count(),
                static_cast<std::size_t>(std::ranges::count_if(model.rows, [](const auto& row) { return !row.empty(); })));
      Bitmap allowed(index.row_count());
      for (std::size_t row = 0; row < allowed.size(); ++row) {
        if (model.chance(0.6)) allowed.set(row);
      }
      for (const Bitmap* mask : {static_cast<const Bitmap*>(nullptr), static_cast<const Bitmap*>(&allowed)}) {
        const std::vector<float> query = model.random_rows(6);
        std::vector<double> expected;
        for (std::size_t row = 0; row < model.rows.size(); ++row) {
          if (model.rows[row].empty() || (mask != nullptr && !mask->test(row))) continue;
          const double sum = MultiModel::max_sim(query, model.rows[row], metric);
          expected.push_back(metric == Metric::kEuclid ? std::sqrt(-sum) : metric == Metric::kManhattan ? -sum : sum);
        }
        std::ranges::sort(expected);
        if (!lower_score_is_better(metric)) std::ranges::reverse(expected);
        SearchParams params;
        params.limit = 20;
        params.allowed = mask;
        const auto found = index.search(query, params);
        ASSERT_EQ(found.size(), std::min<std::size_t>(20, expected.size()));
        for (std::size_t i = 0; i < found.size(); ++i) {
          EXPECT_NEAR(found[i].score, expected[i], 1e-4 * (1 + std::abs(expected[i])));
          const double own = MultiModel::max_sim(query, model.rows[found[i].ordinal], metric);
          const double score = metric == Metric::kEuclid ? std::sqrt(-own) : metric == Metric::kManhattan ? -own : own;
          EXPECT_NEAR(found[i].score, score, 1e-4 * (1 + std::abs(score)));
        }
        if (found.size() < 5) continue;
        params.score_threshold = found[4].score;
        EXPECT_EQ(index.search(query, params).size(), 4U);
      }
    }
  }
}

TEST(MultiIndex, ScoresExamplesBySimilarities) {
  MultiModel model(random_seed());
  MultiIndex index(kDim, Metric::kEuclid);
  model.append(index, 400);
  const std::vector<float> first = model.random_rows(4), second = model.random_rows(4);
  const std::vector<std::span<const float>> examples{first, second};
  const auto found = index.search_examples(examples,
                                           [](std::span<const float> similarities, std::span<float> scores) {
                                             for (std::size_t i = 0; i < scores.size(); ++i)
                                               scores[i] = similarities[i] + similarities[scores.size() + i];
                                           },
                                           {.limit = 400});
  ASSERT_EQ(found.size(), index.live_count());
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto& row = model.rows[found[i].ordinal];
    const double expected = MultiModel::max_sim(first, row, Metric::kEuclid) + MultiModel::max_sim(second, row, Metric::kEuclid);
    EXPECT_NEAR(found[i].score, expected, 1e-4 * (1 + std::abs(expected)));
    if (i > 0) {
      EXPECT_GE(found[i - 1].score, found[i].score);
    }
  }
}

}  // namespace
}  // namespace orthant::test
