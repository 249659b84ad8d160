#include "index/quality.h"

#include <algorithm>
#include <map>
#include <random>
#include <ranges>

#include <gtest/gtest.h>

#include "tests/index/brute_force.h"
#include "tests/index/filled_index.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant::test {
namespace {

constexpr std::size_t kDim = 48;
constexpr std::size_t kRows = 4'000;

IndexConfig config_of(Metric metric, IndexStructure structure = IndexStructure::kFlat, double target = 0.95) {
  return {.dim = kDim, .metric = metric, .residency = FloatResidency::kDisk, .target_recall = target, .structure = structure};
}

void bring_up(VectorIndex& index) {
  const std::atomic<bool> stop = false;
  while (index.needs_build()) ASSERT_TRUE(index.build(nullptr, stop));
  ASSERT_TRUE(index.calibrate(nullptr));
}

IndexQuality finish(QualityMeasurement& measurement) {
  while (true) {
    const Result<bool> done = measurement.advance();
    if (!done) {
      ADD_FAILURE() << done.error().message;
      return {};
    }
    if (*done) return measurement.take();
  }
}

IndexQuality measure(const VectorIndex& index, QualityRequest request) {
  return finish(*index.measure_quality(std::move(request)).value());
}

std::vector<Ordinal> nearest_rows(Metric metric, std::span<const float> query, std::span<const float> rows) {
  const BruteForce scores(metric, query, rows);
  std::vector<Ordinal> order;
  for (Ordinal row = 0; row < rows.size() / query.size(); ++row) order.push_back(row);
  const bool lower = lower_score_is_better(metric);
  std::ranges::sort(
      order, [&](Ordinal a, Ordinal b) { return lower ? scores.score(a) < scores.score(b) : scores.score(a) > scores.score(b); });
  order.resize(10);
  return order;
}

class QualityOfMetric : public testing::TestWithParam<Metric> {};

TEST_P(QualityOfMetric, RanksGivenQueriesAsBruteForceDoes) {
  std::mt19937_64 random(sample_seed());
  const std::vector<float> rows = clustered_rows(kRows, kDim, random);
  const std::vector<float> queries = clustered_rows(20, kDim, random);
  FilledIndex filled = fill_index(config_of(GetParam(), IndexStructure::kFlat, 0.8), rows);
  bring_up(*filled.index);
  const IndexQuality quality = measure(*filled.index, {.given_queries = queries});
  ASSERT_EQ(quality.exact_rankings.size(), 20U);
  ASSERT_EQ(quality.served_rankings.size(), 20U);
  double found = 0;
  for (std::size_t i = 0; i < 20; ++i) {
    const std::vector<Ordinal> truth = nearest_rows(GetParam(), std::span(queries).subspan(i * kDim, kDim), rows);
    EXPECT_EQ(quality.exact_rankings[i], truth) << "query " << i;
    for (const Ordinal row : quality.served_rankings[i]) found += std::ranges::count(truth, row) != 0 ? 0.1 : 0;
  }
  ASSERT_TRUE(quality.served);
  EXPECT_NEAR(quality.served->recall, found / 20, 1e-9);
  EXPECT_EQ(quality.served->queries, 20U);
}

INSTANTIATE_TEST_SUITE_P(Metrics, QualityOfMetric,
                         testing::Values(Metric::kCosine, Metric::kDot, Metric::kEuclid, Metric::kManhattan));

TEST(Quality, MeasuresStructuresOverTargets) {
  std::mt19937_64 random(sample_seed());
  for (const IndexStructure structure : {IndexStructure::kGraph, IndexStructure::kLists}) {
    FilledIndex filled = fill_index(config_of(Metric::kCosine, structure), clustered_rows(kRows, kDim, random));
    bring_up(*filled.index);
    const IndexQuality quality = measure(*filled.index, {.sampled_rows = 50});
    EXPECT_TRUE(quality.why_not.empty()) << quality.why_not;
    EXPECT_TRUE(quality.complete);
    EXPECT_EQ(quality.structure, structure_name(structure));
    EXPECT_EQ(quality.structure_rows, kRows);
    EXPECT_EQ(quality.calibration.size(), 8U);
    ASSERT_TRUE(quality.served);
    EXPECT_EQ(quality.served->structure, structure_name(structure));
    EXPECT_GT(quality.served->effort, 0U);
    EXPECT_GT(quality.served->compared, 0);
    EXPECT_GT(quality.served->recall + quality.served->recall_error, 0.93);
    std::size_t flat = 0, through_structure = 0, exact = 0;
    for (const QualityPoint& point : quality.curve) {
      flat += point.structure == "flat" ? 1 : 0;
      through_structure += point.structure == structure_name(structure) ? 1 : 0;
      exact += point.structure == "exact" ? 1 : 0;
      EXPECT_EQ(point.queries, point.structure == "exact" ? 10U : 100U);
      EXPECT_GT(point.cpu_microseconds, 0);
      EXPECT_GT(point.wall_microseconds, 0);
      EXPECT_LE(point.recall, 1);
      EXPECT_NEAR(point.recall, (point.recall_of_rows + point.recall_of_moved) / 2, 1e-9);
      EXPECT_GT(point.recall, point.target_recall - 0.07) << point.structure << " at " << point.target_recall;
      if (point.structure == "exact") {
        EXPECT_EQ(point.recall, 1);
      }
    }
    EXPECT_GE(flat, 6U);
    EXPECT_GE(through_structure, 4U);
    EXPECT_EQ(exact, 1U);
  }
}

// The recall of searches that scan codes alone is far from 1, and the measurement has to say so.
TEST(Quality, ComparesRepresentationsThatRankAlone) {
  std::mt19937_64 random(sample_seed());
  FilledIndex filled = fill_index(config_of(Metric::kCosine), clustered_rows(kRows, kDim, random));
  bring_up(*filled.index);
  std::map<std::string, double> recalls;
  for (const QualityPoint& form : measure(*filled.index, {.sampled_rows = 50}).forms) {
    EXPECT_EQ(form.queries, 60U) << form.stages;
    EXPECT_GT(form.cpu_microseconds, 0) << form.stages;
    recalls[form.stages] = form.recall;
  }
  const std::vector<std::string> names = {"asymmetric", "asymmetric+int8+float", "binary", "binary+int8", "int8"};
  EXPECT_TRUE(std::ranges::equal(std::views::keys(recalls), names));
  EXPECT_GT(recalls["int8"], 0.9);
  EXPECT_GT(recalls["int8"], recalls["asymmetric"] + 0.1);
  EXPECT_GT(recalls["asymmetric"], recalls["binary"]);
  EXPECT_GT(recalls["binary+int8"], recalls["binary"]);

  // A search that reads floats alone has nothing to compare, and users' distance by absolute values has no codes.
  FilledIndex exact = fill_index({.dim = kDim}, clustered_rows(200, kDim, random));
  EXPECT_TRUE(measure(*exact.index, {}).forms.empty());
  FilledIndex manhattan = fill_index(config_of(Metric::kManhattan), clustered_rows(kRows, kDim, random));
  EXPECT_TRUE(measure(*manhattan.index, {}).forms.empty());
}

TEST(Quality, ShowsARecallThatIsLow) {
  std::mt19937_64 random(sample_seed());
  FilledIndex filled = fill_index(config_of(Metric::kCosine, IndexStructure::kFlat, 0.8), clustered_rows(kRows, kDim, random));
  bring_up(*filled.index);
  const IndexQuality quality = measure(*filled.index, {.sampled_rows = 100});
  ASSERT_FALSE(quality.curve.empty());
  EXPECT_EQ(quality.curve.front().target_recall, 0.8);
  EXPECT_LT(quality.curve.front().recall, 0.999);
  EXPECT_GT(quality.curve.front().recall_error, 0);
}

TEST(Quality, OfASmallIndexIsThatOfExactSearch) {
  std::mt19937_64 random(random_seed());
  IndexConfig config = config_of(Metric::kDot);
  config.residency = FloatResidency::kAuto;
  FilledIndex filled = fill_index(config, clustered_rows(500, kDim, random));
  const IndexQuality quality = measure(*filled.index, {});
  ASSERT_TRUE(quality.served);
  EXPECT_EQ(quality.served->structure, "exact");
  EXPECT_EQ(quality.served->recall, 1);
  ASSERT_EQ(quality.curve.size(), 1U);
  EXPECT_EQ(quality.curve.front().recall, 1);
}

TEST(Quality, CountsCopiesOfARowAsFound) {
  std::mt19937_64 random(random_seed());
  std::vector<float> rows = clustered_rows(30, kDim, random);
  const std::vector<float> once = rows;
  for (int copy = 0; copy < 40; ++copy) rows.insert(rows.end(), once.begin(), once.end());
  FilledIndex filled = fill_index(config_of(Metric::kEuclid), rows);
  const IndexQuality quality = measure(*filled.index, {.sampled_rows = 30});
  ASSERT_TRUE(quality.served);
  EXPECT_GT(quality.served->recall_of_rows, 0.999);
}

TEST(Quality, GoesOnBesideWrites) {
  std::mt19937_64 random(sample_seed());
  const std::vector<float> rows = clustered_rows(kRows, kDim, random);
  FilledIndex filled = fill_index(config_of(Metric::kCosine), rows);
  bring_up(*filled.index);
  const auto measurement = filled.index->measure_quality({.sampled_rows = 40}).value();
  Ordinal buried = 0;
  for (bool done = false; !done;) {
    done = measurement->advance().value();
    filled.index->bury(buried++);
    filled.add(clustered_rows(1, kDim, random));
  }
  const IndexQuality quality = measurement->take();
  ASSERT_TRUE(quality.served);
  EXPECT_EQ(quality.rows, kRows);
  EXPECT_GT(quality.served->recall, 0.9);
}

TEST(Quality, EndsWhenItsTimeIsUp) {
  std::mt19937_64 random(random_seed());
  FilledIndex filled = fill_index(config_of(Metric::kCosine), clustered_rows(kRows, kDim, random));
  const IndexQuality quality = measure(*filled.index, {.sampled_rows = 1'000, .max_search_seconds = 0.002});
  EXPECT_FALSE(quality.complete);
  ASSERT_TRUE(quality.served);
  EXPECT_LT(quality.served->queries, 2'000U);
}

TEST(Quality, SaysWhyThereIsNothingToMeasure) {
  FilledIndex empty = fill_index(config_of(Metric::kCosine), {});
  const IndexQuality none = measure(*empty.index, {});
  EXPECT_FALSE(none.served);
  EXPECT_EQ(none.why_not, "0 rows: at least 100 are needed");
  const auto codes = VectorIndex::create({.dim = 64, .form = VectorForm::kUbinary}, nullptr).value();
  EXPECT_FALSE(measure(*codes, {}).why_not.empty());
}

TEST(Quality, RefusesGivenQueriesThatDoNotFit) {
  std::mt19937_64 random(random_seed());
  FilledIndex filled = fill_index(config_of(Metric::kCosine), clustered_rows(200, kDim, random));
  EXPECT_EQ(filled.index->measure_quality({.given_queries = {1, 2, 3}}).error().code, ErrorCode::kInvalidArgument);
  std::vector<float> bad(kDim, std::numeric_limits<float>::quiet_NaN());
  EXPECT_EQ(filled.index->measure_quality({.given_queries = bad}).error().code, ErrorCode::kInvalidArgument);
}

TEST(Quality, TellsHowWellCodesEstimate) {
  std::mt19937_64 random(sample_seed());
  FilledIndex filled = fill_index(config_of(Metric::kCosine), clustered_rows(kRows, kDim, random));
  const std::atomic<bool> stop = false;
  const auto trained = filled.index->retrained(nullptr, stop).value();
  const IndexQuality signs = measure(*filled.index, {});
  const IndexQuality learned = measure(*trained, {});
  EXPECT_EQ(signs.codes.quantizer, "sign");
  EXPECT_FALSE(signs.codes.trained);
  EXPECT_EQ(learned.codes.quantizer, "learned");
  EXPECT_TRUE(learned.codes.trained);
  EXPECT_EQ(learned.codes.trained_rows, kRows);
  const TemporaryDirectory directory;
  ASSERT_TRUE(trained->save(directory.path() / "index"));
  const auto loaded = VectorIndex::load(directory.path() / "index", trained->config(), filled.stored.get()).value();
  EXPECT_EQ(measure(*loaded, {}).codes.trained_rows, kRows);
  ASSERT_TRUE(signs.codes.error && learned.codes.error);
  EXPECT_LT(*learned.codes.error, *signs.codes.error);
  EXPECT_NEAR(*learned.codes.error_ratio, 1, 0.3);
}

}  // namespace
}  // namespace orthant::test
