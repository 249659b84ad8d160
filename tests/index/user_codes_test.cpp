// Collections of ready codes that users bring.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "index/vector_index.h"
#include "tests/index/brute_force.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

using test::BruteForce;
using test::clustered_rows;

std::vector<std::uint8_t> random_codes(std::size_t count, std::mt19937_64& random) {
  std::vector<std::uint8_t> codes(count);
  for (auto& code : codes) code = static_cast<std::uint8_t>(random());
  return codes;
}

TEST(UserCodes, Int8IsSearchedAsTheNumbersItStandsFor) {
  std::mt19937_64 random(test::random_seed());
  for (Metric metric : {Metric::kCosine, Metric::kDot, Metric::kEuclid, Metric::kManhattan}) {
    for (std::size_t dim : {1, 3, 48, 130}) {
      const auto index = VectorIndex::create({.dim = dim, .metric = metric, .form = VectorForm::kInt8}, nullptr).value();
      const auto codes = random_codes(400 * dim, random);
      index->append(*index->encode_codes(codes).value());
      index->bury(17);
      std::vector<float> rows;
      for (std::uint8_t code : codes) rows.push_back(static_cast<std::int8_t>(code));
      for (bool integers : {true, false}) {
        auto query = clustered_rows(1, dim, random);
        for (float& value : query) value = integers ? std::nearbyint(value * 20) : value * 20;
        const BruteForce truth(metric, query, rows, [](Ordinal ordinal) { return ordinal != 17; });
        const auto best = truth.best_scores(10);
        const auto found = index->search(query, {.exact = true}).value();
        ASSERT_EQ(found.size(), 10u);
        for (std::size_t i = 0; i < 10; ++i) {
          EXPECT_NEAR(found[i].score, best[i], 1e-5 * (1 + std::fabs(best[i]))) << metric_name(metric) << " " << dim;
          EXPECT_NEAR(found[i].score, truth.score(found[i].ordinal), 1e-5 * (1 + std::fabs(best[i])));
          EXPECT_NE(found[i].ordinal, 17u);
        }
        std::size_t hits = 0;
        const auto found_rows = index->search(query, {}).value();
        for (const ScoredOrdinal& scored : found_rows) {
          const double sign = lower_score_is_better(metric) ? -1 : 1;
          hits += sign * truth.score(scored.ordinal) >= sign * best.back() - 1e-5 * (1 + std::fabs(best.back())) ? 1 : 0;
        }
        EXPECT_GE(hits, 9u) << metric_name(metric) << " " << dim;
      }
    }
  }
}

TEST(UserCodes, UbinaryIsSearchedByHammingDistance) {
  std::mt19937_64 random(test::random_seed());
  for (std::size_t dim : {1, 8, 13, 512, 1001}) {
    const std::size_t code_bytes = (dim + 7) / 8;
    const auto index = VectorIndex::create({.dim = dim, .metric = Metric::kCosine, .form = VectorForm::kUbinary}, nullptr).value();
    // Bits past dim are set at random: they must not count.
    const auto codes = random_codes(300 * code_bytes, random);
    index->append(*index->encode_codes(codes).value());
    const auto query = clustered_rows(1, dim, random);
    std::vector<std::pair<int, Ordinal>> expected;
    for (std::size_t row = 0; row < 300; ++row) {
      int differing = 0;
      for (std::size_t i = 0; i < dim; ++i) {
        differing += (query[i] > 0) != ((codes[row * code_bytes + i / 8] >> (7 - i % 8) & 1) != 0) ? 1 : 0;
      }
      expected.emplace_back(differing, static_cast<Ordinal>(row));
    }
    std::ranges::sort(expected);
    const auto found = index->search(query, {.limit = 20}).value();
    ASSERT_EQ(found.size(), 20u);
    for (std::size_t i = 0; i < 20; ++i) {
      EXPECT_EQ(found[i].ordinal, expected[i].second) << dim;
      EXPECT_NEAR(found[i].score, 1 - 2.0 * expected[i].first / static_cast<double>(dim), 1e-6);
    }
  }
}

TEST(UserCodes, RefuseFloatsAndStagesThatNeedThem) {
  const auto index = VectorIndex::create({.dim = 8, .form = VectorForm::kUbinary}, nullptr).value();
  const std::vector<float> query(8, 1.0f);
  EXPECT_EQ(index->encode_rows(query).error().code, ErrorCode::kInvalidArgument);
  index->append(*index->encode_codes(std::vector<std::uint8_t>{0xff}).value());
  EXPECT_EQ(index->search(query, {.stages = SearchStages::kInt8}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(index->search(query, {.exact = true}).value().at(0).score, 1);
}

TEST(UserCodes, SurviveASnapshot) {
  std::mt19937_64 random(test::random_seed());
  const test::TemporaryDirectory directory;
  for (VectorForm form : {VectorForm::kInt8, VectorForm::kUbinary}) {
    const IndexConfig config = {.dim = 24, .metric = Metric::kEuclid, .form = form};
    const auto index = VectorIndex::create(config, nullptr).value();
    index->append(*index->encode_codes(random_codes(200 * 24, random)).value());
    ASSERT_TRUE(index->save(directory.path() / "index"));
    const auto loaded = VectorIndex::load(directory.path() / "index", config, nullptr).value();
    const auto query = clustered_rows(1, 24, random);
    const auto expected = index->search(query, {}).value();
    const auto found = loaded->search(query, {}).value();
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i].ordinal, expected[i].ordinal);
  }
}

}  // namespace
}  // namespace orthant
