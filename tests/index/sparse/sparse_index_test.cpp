#include "index/sparse/sparse_index.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <random>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace orthant::test {
namespace {

using Vector = std::map<std::uint32_t, float>;

struct Arrays {
  std::vector<std::uint32_t> indices;
  std::vector<float> values;
  explicit Arrays(const Vector& vector) {
    for (const auto& [index, value] : vector) {
      indices.push_back(index);
      values.push_back(value);
    }
  }
  SparseRow row() const { return {indices, values}; }
};

// Rows in memory, and what a search must find among them by plain loops.
class SparseModel {
 public:
  explicit SparseModel(std::uint64_t seed) : random_(seed) {}

  // Some indices are common, most are rare; values of either sign if asked for.
  Vector random_vector(std::size_t most, bool negative) {
    Vector vector;
    const std::size_t count = std::uniform_int_distribution<std::size_t>(0, most)(random_);
    for (std::size_t i = 0; i < count; ++i) {
      const double skewed = std::pow(std::uniform_real_distribution<>(0, 1)(random_), 4);
      const auto index = static_cast<std::uint32_t>(skewed * 4'000'000'000.0 / 1e6) * 1'000'003U;
      float value = std::exponential_distribution<float>(1)(random_);
      if (negative && chance(0.3)) value = -value;
      if (chance(0.05)) value = 0;
      vector[index] = value;
    }
    return vector;
  }

  void append(SparseIndex& index, std::size_t count, bool negative) {
    std::vector<Arrays> arrays;
    std::vector<bool> present;
    for (std::size_t i = 0; i < count; ++i) {
      present.push_back(!chance(0.1));
      rows_.push_back(present.back() ? std::optional(random_vector(12, negative)) : std::nullopt);
      arrays.emplace_back(rows_.back().value_or(Vector()));
    }
    std::vector<SparseRow> views;
    for (std::size_t i = 0; i < count; ++i) {
      views.push_back(arrays[i].row());
      views.back().present = present[i];
    }
    index.append(views);
  }

  void bury_some(SparseIndex& index, double share) {
    for (Ordinal ordinal = 0; ordinal < rows_.size(); ++ordinal) {
      if (!rows_[ordinal] || !chance(share)) continue;
      index.bury(ordinal, Arrays(*rows_[ordinal]).indices);
      rows_[ordinal].reset();
    }
  }

  std::vector<ScoredOrdinal> expected(const Vector& query, const SearchParams& params) const {
    std::vector<ScoredOrdinal> found;
    for (Ordinal ordinal = 0; ordinal < rows_.size(); ++ordinal) {
      if (!rows_[ordinal] || (params.allowed != nullptr && !params.allowed->test(ordinal))) continue;
      double sum = 0;
      bool shared = false;
      for (const auto& [index, weight] : query) {
        const auto value = rows_[ordinal]->find(index);
        if (value == rows_[ordinal]->end()) continue;
        sum += double{weight} * value->second;
        shared = true;
      }
      if (shared && (!params.score_threshold || static_cast<float>(sum) > *params.score_threshold)) {
        found.push_back({ordinal, static_cast<float>(sum)});
      }
    }
    std::ranges::stable_sort(found, [](const auto& a, const auto& b) { return a.score > b.score; });
    if (found.size() > params.limit) found.resize(params.limit);
    return found;
  }

  // Of every `step`th row.
  std::size_t live(std::size_t step = 1) const {
    std::size_t count = 0;
    for (std::size_t row = 0; row < rows_.size(); row += step) count += rows_[row] ? 1 : 0;
    return count;
  }
  std::size_t having(std::uint32_t index, std::size_t step = 1) const {
    std::size_t count = 0;
    for (std::size_t row = 0; row < rows_.size(); row += step) count += rows_[row] && rows_[row]->contains(index) ? 1 : 0;
    return count;
  }
  std::size_t size() const { return rows_.size(); }
  bool chance(double share) { return std::bernoulli_distribution(share)(random_); }
  std::size_t below(std::size_t end) { return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_); }

 private:
  std::mt19937_64 random_;
  std::vector<std::optional<Vector>> rows_;
};

void expect_equal(const std::vector<ScoredOrdinal>& found, const std::vector<ScoredOrdinal>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_FLOAT_EQ(found[i].score, expected[i].score) << i;
    EXPECT_EQ(found[i].ordinal, expected[i].ordinal) << i;
  }
}

TEST(SparseIndex, FindsWhatPlainLoopsFind) {
  SparseModel model(random_seed());
  for (const bool negative : {false, true}) {
    SparseModel rows(model.below(1'000'000));
    SparseIndex index;
    for (int round = 0; round < 6; ++round) {
      rows.append(index, 1 + rows.below(3'000), negative);
      rows.bury_some(index, round % 2 == 0 ? 0.05 : 0.0);
      EXPECT_EQ(index.live_count(), rows.live());
      for (int query = 0; query < 25; ++query) {
        const Vector wanted = rows.random_vector(10, negative);
        SearchParams params;
        params.limit = 1 + rows.below(query % 5 == 0 ? rows.size() : 20);
        Bitmap allowed(index.row_count());
        const double share = std::array{0.001, 0.1, 0.9}[rows.below(3)];
        for (std::size_t row = 0; row < allowed.size(); ++row) {
          if (rows.chance(share)) allowed.set(row);
        }
        if (rows.chance(0.5)) params.allowed = &allowed;
        if (rows.chance(0.3)) params.score_threshold = static_cast<float>(rows.below(30)) / 10 - 1;
        expect_equal(index.search(Arrays(wanted).row(), params), rows.expected(wanted, params));
        if (testing::Test::HasFailure()) return;
      }
    }
  }
}

TEST(SparseIndex, CountsDocumentsForIdfWithoutBuriedOnes) {
  SparseModel rows(random_seed());
  SparseIndex index;
  rows.append(index, 2'000, false);
  rows.bury_some(index, 0.3);
  rows.append(index, 500, false);
  const Vector query = rows.random_vector(20, false);
  const Arrays arrays(query);
  const std::vector<float> weights = index.times_idf(arrays.row());
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const auto having = static_cast<double>(rows.having(arrays.indices[i]));
    const double idf = std::log((static_cast<double>(rows.live()) - having + 0.5) / (having + 0.5) + 1);
    EXPECT_NEAR(weights[i], arrays.values[i] * idf, 1e-5 * (1 + std::abs(weights[i])));
  }
  Bitmap corpus(rows.size());
  for (std::size_t row = 0; row < rows.size(); row += 3) corpus.set(row);
  const std::vector<float> narrowed = index.times_idf(arrays.row(), &corpus);
  for (std::size_t i = 0; i < narrowed.size(); ++i) {
    const auto having = static_cast<double>(rows.having(arrays.indices[i], 3));
    const double idf = std::log((static_cast<double>(rows.live(3)) - having + 0.5) / (having + 0.5) + 1);
    EXPECT_NEAR(narrowed[i], arrays.values[i] * idf, 1e-5 * (1 + std::abs(narrowed[i])));
  }
}

TEST(SparseIndex, ScoresExamplesByTheirDotProducts) {
  SparseModel rows(random_seed());
  SparseIndex index;
  rows.append(index, 5'000, true);
  rows.bury_some(index, 0.1);
  const Vector first = rows.random_vector(12, true), second = rows.random_vector(12, true);
  const Arrays a(first), b(second);
  const std::vector<SparseRow> examples{a.row(), b.row()};
  const auto found = index.search_examples(examples,
                                           [](std::span<const float> similarities, std::span<float> scores) {
                                             for (std::size_t i = 0; i < scores.size(); ++i)
                                               scores[i] = similarities[i] - 2 * similarities[scores.size() + i];
                                           },
                                           {.limit = rows.size()});
  SearchParams all;
  all.limit = rows.size();
  std::map<Ordinal, float> expected;
  for (const auto& hit : rows.expected(first, all)) expected[hit.ordinal] += hit.score;
  for (const auto& hit : rows.expected(second, all)) expected[hit.ordinal] -= 2 * hit.score;
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_NEAR(found[i].score, expected.at(found[i].ordinal), 1e-4 * (1 + std::abs(found[i].score)));
    if (i > 0) {
      EXPECT_GE(found[i - 1].score, found[i].score);
    }
  }
}

// A searcher sees whole rows: the rows that were there when it began are all found, with all of their values.
TEST(SparseIndex, SearchesBesideAppends) {
  SparseIndex index;
  std::atomic<bool> stop{false};
  constexpr std::size_t kIndices = 40;
  std::vector<std::uint32_t> indices(kIndices);
  std::vector<float> ones(kIndices, 1);
  for (std::uint32_t i = 0; i < kIndices; ++i) indices[i] = i * 7;
  std::atomic<std::size_t> bad{0};
  const auto search = [&] {
    while (!stop.load()) {
      const Ordinal before = index.row_count();
      SearchParams params;
      params.limit = 1'000'000;
      const auto found = index.search({indices, ones}, params);
      if (found.size() < before) ++bad;
      for (const ScoredOrdinal& row : found) bad += row.score == kIndices ? 0 : 1;
    }
  };
  std::thread one(search), other(search);
  for (int i = 0; i < 300; ++i) {
    const std::vector<SparseRow> rows(10, SparseRow{indices, ones});
    index.append(rows);
  }
  stop = true;
  one.join();
  other.join();
  EXPECT_EQ(bad.load(), 0U);
  EXPECT_EQ(index.row_count(), 3000U);
}

TEST(SparseIndex, KnowsItsMemory) {
  SparseModel rows(random_seed());
  SparseIndex index;
  const std::size_t empty = index.memory_bytes();
  rows.append(index, 10'000, false);
  EXPECT_GT(index.memory_bytes(), empty + 10'000 * sizeof(Post));
}

}  // namespace
}  // namespace orthant::test
