#include "index/multi/multi_index.h"

#include <algorithm>
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace orthant::test {
namespace {

constexpr std::size_t kDim = 24;

class MultiModel final : public MultiVectors {
 public:
  explicit MultiModel(std::uint64_t seed) : random_(seed) {}

  Status read(std::span<const Ordinal> ordinals,
              const std::function<void(std::size_t i, std::span<const float> vectors)>& visit) const override {
    for (std::size_t i = 0; i < ordinals.size(); ++i) {
      ++reads;
      if (rows[ordinals[i]].empty()) return data_corruption("a row without vectors was asked for");
      visit(i, rows[ordinals[i]]);
    }
    return {};
  }

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
  mutable std::size_t reads = 0;

 private:
  std::mt19937_64 random_;
};

TEST(MultiIndex, RanksByMaxSim) {
  MultiModel model(random_seed());
  for (const Metric metric : {Metric::kDot, Metric::kEuclid, Metric::kManhattan}) {
    MultiIndex index(kDim, metric, model);
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
        const auto found = index.search(query, params).value();
        ASSERT_EQ(found.size(), std::min<std::size_t>(20, expected.size()));
        for (std::size_t i = 0; i < found.size(); ++i) {
          EXPECT_NEAR(found[i].score, expected[i], 1e-4 * (1 + std::abs(expected[i])));
          const double own = MultiModel::max_sim(query, model.rows[found[i].ordinal], metric);
          const double score = metric == Metric::kEuclid ? std::sqrt(-own) : metric == Metric::kManhattan ? -own : own;
          EXPECT_NEAR(found[i].score, score, 1e-4 * (1 + std::abs(score)));
        }
        if (found.size() < 5) continue;
        params.score_threshold = found[4].score;
        EXPECT_EQ(index.search(query, params)->size(), 4U);
      }
    }
  }
}

TEST(MultiIndex, ScoresExamplesBySimilarities) {
  MultiModel model(random_seed());
  MultiIndex index(kDim, Metric::kEuclid, model);
  model.append(index, 400);
  const std::vector<float> first = model.random_rows(4), second = model.random_rows(4);
  const std::vector<std::span<const float>> examples{first, second};
  const auto found = index
                         .search_examples(examples,
                                          [](std::span<const float> similarities, std::span<float> scores) {
                                            for (std::size_t i = 0; i < scores.size(); ++i)
                                              scores[i] = similarities[i] + similarities[scores.size() + i];
                                          },
                                          {.limit = 400})
                         .value();
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

// Most rows must not be read, and a margin that is too small would lose some of the best.
TEST(MultiIndex, ReadsFewRowsAndFindsTheBest) {
  MultiModel model(random_seed());
  for (const Metric metric : {Metric::kDot, Metric::kEuclid, Metric::kManhattan}) {
    MultiIndex index(kDim, metric, model);
    model.rows.clear();
    model.append(index, 2'000);
    for (int round = 0; round < 10; ++round) {
      const std::vector<float> query = model.random_rows(20);
      model.reads = 0;
      SearchTrace trace;
      const auto found = index.search(query, {.limit = 10}, &trace).value();
      EXPECT_LT(model.reads, 400U) << metric_name(metric);
      ASSERT_EQ(trace.stages.size(), 2U);
      EXPECT_EQ(trace.stages[1].compared, model.reads);
      const auto exact = index.search(query, {.limit = 10, .exact = true}).value();
      ASSERT_EQ(found.size(), exact.size());
      for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i].ordinal, exact[i].ordinal) << metric_name(metric);
      // The estimates as scores: no floats, and near.
      model.reads = 0;
      const auto estimated = index.search(query, {.limit = 10, .rescore = false}).value();
      EXPECT_EQ(model.reads, 0U);
      EXPECT_NEAR(estimated[0].score, exact[0].score, 0.02 * std::abs(exact[0].score) + 0.1) << metric_name(metric);
    }
  }
}

TEST(MultiIndex, FindsTheBestAmongCodesOfBytes) {
  MultiModel model(random_seed());
  MultiIndex index(kDim, Metric::kDot, model);
  model.append(index, 500);
  std::vector<float> query = model.random_rows(4);
  for (float& value : query) value = std::round(value * 20);  // integers are taken as they are
  const auto found = index.search(query, {.limit = 10}).value();
  const auto exact = index.search(query, {.limit = 10, .exact = true}).value();
  ASSERT_EQ(found.size(), exact.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i].ordinal, exact[i].ordinal);
}

TEST(MultiIndex, PassesOnThatAFloatCannotBeRead) {
  class Broken final : public MultiVectors {
    Status read(std::span<const Ordinal>, const std::function<void(std::size_t, std::span<const float>)>&) const override {
      return data_corruption("broken");
    }
  } broken;
  MultiIndex index(2, Metric::kDot, broken);
  const std::vector<float> row{1, 2};
  const std::vector<std::span<const float>> rows{row};
  ASSERT_TRUE(index.append(rows));
  EXPECT_FALSE(index.search(row, {}).has_value());
  EXPECT_FALSE(index.search_examples(rows, [](auto, std::span<float> scores) { scores[0] = 1; }, {}).has_value());
}

}  // namespace
}  // namespace orthant::test
