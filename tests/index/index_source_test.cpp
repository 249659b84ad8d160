// Searches of an index through a graph or lists, as users of VectorIndex meet them.

#include "index/index_source.h"

#include <atomic>
#include <filesystem>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "index/kernels/dispatch.h"
#include "index/row_encoder.h"
#include "index/structure_choice.h"
#include "tests/index/brute_force.h"
#include "tests/index/filled_index.h"
#include "tests/index/partial_source.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

using test::BruteForce;
using test::clustered_rows;
using test::FilledIndex;

constexpr std::size_t kDim = 64;
constexpr std::size_t kRows = 3'000;
const std::atomic<bool> kNeverStop{false};

void build(VectorIndex& index) {
  Status status;
  while (status && index.needs_build()) status = index.build(nullptr, kNeverStop);
  if (status && index.needs_calibration()) status = index.calibrate(nullptr);
  ASSERT_TRUE(status) << status.error().message;
}

class IndexSourceTest : public testing::TestWithParam<IndexStructure> {
 protected:
  IndexSourceTest() : random_(test::sample_seed()), rows_(clustered_rows(kRows, kDim, random_)) {}

  IndexConfig config(Metric metric = Metric::kCosine) const {
    return {.dim = kDim, .metric = metric, .residency = FloatResidency::kDisk, .exact_below_bytes = 0, .structure = GetParam()};
  }
  std::vector<float> a_query() { return clustered_rows(1, kDim, random_); }

  // The share of the ten best rows that searches find; each must be eligible.
  double recall(const VectorIndex& index, const std::vector<float>& rows, const std::vector<bool>& eligible, SearchParams params) {
    std::size_t found = 0;
    constexpr std::size_t kQueries = 50;
    for (std::size_t i = 0; i < kQueries; ++i) {
      const std::vector<float> query = a_query();
      const BruteForce truth(index.config().metric, query, rows, [&](Ordinal row) { return eligible[row]; });
      const std::vector<double> best = truth.best_scores(10);
      const auto answer = index.search(query, params).value();
      for (const ScoredOrdinal& row : answer) {
        EXPECT_TRUE(eligible[row.ordinal]) << row.ordinal;
        const double slack = 1e-4 * std::max(1.0, std::fabs(best.back()));
        const double score = truth.score(row.ordinal);
        found += lower_score_is_better(index.config().metric) ? score <= best.back() + slack : score >= best.back() - slack;
      }
    }
    return static_cast<double>(found) / (10.0 * kQueries);
  }

  std::mt19937_64 random_;
  std::vector<float> rows_;
};

TEST_P(IndexSourceTest, ReachesTheTargetForEachMetric) {
  for (const Metric metric : {Metric::kCosine, Metric::kDot, Metric::kEuclid}) {
    FilledIndex filled = test::fill_index(config(metric), rows_);
    EXPECT_EQ(filled.index->structure(), "flat");
    build(*filled.index);
    EXPECT_EQ(filled.index->structure(), structure_name(GetParam()));
    EXPECT_EQ(filled.index->structure_rows(), kRows);
    EXPECT_GT(filled.index->memory().structure_bytes, 0U);
    SearchTrace trace;
    ASSERT_TRUE(filled.index->search(a_query(), {}, &trace));
    EXPECT_EQ(trace.stages.front().name, structure_name(GetParam())) << "calibration found no effort";
    const std::vector<bool> all(kRows, true);
    EXPECT_GE(recall(*filled.index, rows_, all, {}), 0.97) << metric_name(metric);
  }
}

TEST_P(IndexSourceTest, FindsRowsThatAreNotInTheStructureYet) {
  FilledIndex filled = test::fill_index(config(), rows_);
  build(*filled.index);
  const std::vector<float> more = clustered_rows(900, kDim, random_);
  filled.add(more);
  std::vector<float> all_rows = rows_;
  all_rows.insert(all_rows.end(), more.begin(), more.end());
  EXPECT_GE(recall(*filled.index, all_rows, std::vector<bool>(kRows + 900, true), {}), 0.97);
}

TEST_P(IndexSourceTest, ReturnsNeitherBuriedNorDisallowedRows) {
  FilledIndex filled = test::fill_index(config(), rows_);
  build(*filled.index);
  std::vector<bool> eligible(kRows, true);
  Bitmap allowed(kRows);
  for (Ordinal row = 0; row < kRows; ++row) {
    if (random_() % 5 == 0) {
      filled.index->bury(row);
      eligible[row] = false;
    }
  }
  EXPECT_GE(recall(*filled.index, rows_, eligible, {}), 0.97);
  for (Ordinal row = 0; row < kRows; ++row) {
    if (random_() % 2 == 0) {
      allowed.set(row);
    } else {
      eligible[row] = false;
    }
  }
  EXPECT_GE(recall(*filled.index, rows_, eligible, {.allowed = &allowed}), 0.97);
  // Repaired, too.
  build(*filled.index);
  EXPECT_FALSE(filled.index->needs_build());
  EXPECT_GE(recall(*filled.index, rows_, eligible, {.allowed = &allowed}), 0.97);
}

TEST_P(IndexSourceTest, ComesBackFromASnapshotWithItsCalibration) {
  const test::TemporaryDirectory folder;
  FilledIndex filled = test::fill_index(config(), rows_);
  build(*filled.index);
  filled.index->bury(17);
  const auto file = folder.path() / "index";
  ASSERT_TRUE(filled.index->save(file));
  const auto loaded = VectorIndex::load(file, config(), filled.stored.get()).value();
  EXPECT_EQ(loaded->structure(), structure_name(GetParam()));
  EXPECT_EQ(loaded->structure_rows(), filled.index->structure_rows());
  EXPECT_FALSE(loaded->needs_build());
  EXPECT_FALSE(loaded->needs_calibration());
  for (int i = 0; i < 20; ++i) {
    const std::vector<float> query = a_query();
    SearchTrace trace;
    const auto before = filled.index->search(query, {.effort = 60}).value();
    const auto after = loaded->search(query, {.effort = 60}, &trace).value();
    EXPECT_EQ(trace.stages.front().name, structure_name(GetParam()));
    ASSERT_EQ(after.size(), before.size());
    for (std::size_t rank = 0; rank < after.size(); ++rank) EXPECT_EQ(after[rank].ordinal, before[rank].ordinal);
  }
  // A configuration without the structure reads the same file and scans.
  IndexConfig flat = config();
  flat.structure = IndexStructure::kFlat;
  EXPECT_EQ(VectorIndex::load(file, flat, filled.stored.get()).value()->structure(), "flat");
}

TEST_P(IndexSourceTest, IsSavedBesideWritesAndBuilds) {
  const test::TemporaryDirectory folder;
  FilledIndex filled = test::fill_index(config(), std::span(rows_).first(1'500 * kDim));
  build(*filled.index);
  const auto file = folder.path() / "index";
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::size_t row = 1'500; row < kRows; row += 60) filled.add(std::span(rows_).subspan(row * kDim, 60 * kDim));
    done.store(true);
  });
  std::thread builder([&] {
    while (!done.load()) ASSERT_TRUE(filled.index->build(nullptr, kNeverStop));
  });
  int saves = 0;
  while (!done.load() || saves == 0) {
    ASSERT_TRUE(filled.index->save(file));
    ++saves;
    const auto loaded = VectorIndex::load(file, config(), filled.stored.get()).value();
    ASSERT_LE(loaded->structure_rows(), loaded->row_count());
    for (int i = 0; i < 3; ++i) {
      // Rows of the snapshot are whole: each finds itself.
      const auto row = static_cast<Ordinal>(random_() % loaded->row_count());
      const auto best = loaded->search(std::span(rows_).subspan(row * kDim, kDim), {.limit = 1, .effort = 0}).value();
      ASSERT_EQ(best.front().ordinal, row);
    }
  }
  writer.join();
  builder.join();
}

INSTANTIATE_TEST_SUITE_P(Structures, IndexSourceTest, testing::Values(IndexStructure::kGraph, IndexStructure::kLists),
                         [](const auto& param) { return std::string(structure_name(param.param)); });

// Covers some rows, half of them buried, and notes what is done to it, and how many rows it covered then.
class NotingSource : public test::PartialSource {
 public:
  using PartialSource::PartialSource;

  struct Step {
    std::string name;
    Ordinal covered;
    bool operator==(const Step&) const = default;
  };
  std::vector<Step> steps;

  std::string_view name() const override { return structure_name(IndexStructure::kGraph); }
  std::size_t stale_count() const override { return repaired_ ? 0 : covered_count() / 2; }
  Status repair(ThreadPool*, const std::atomic<bool>&) override {
    steps.push_back({"repair", covered_count()});
    repaired_ = true;
    return {};
  }
  Status extend(Ordinal end, ThreadPool* pool, const std::atomic<bool>& stop) override {
    steps.push_back({"extend", covered_count()});
    return PartialSource::extend(end, pool, stop);
  }

 private:
  bool repaired_ = false;
};

// New rows that were linked first would find buried rows in the places of others, and be linked among rows about to go: recall
// and time after updates depend on this order, and nothing else tells of it.
TEST(IndexSource, RepairsBeforeItTakesNewRowsIn) {
  constexpr Ordinal kCovered = 2'000;
  const IndexConfig config = {.dim = kDim, .exact_below_bytes = 0, .structure = IndexStructure::kGraph};
  const auto quantizer = make_binary_quantizer(config);
  CodeTables tables(config, quantizer->code_bytes(), quantizer->has_row_scales(), false);
  std::mt19937_64 random(test::sample_seed());
  ASSERT_TRUE(tables.append(encode_float_rows(config, *quantizer, false, clustered_rows(5'000, kDim, random), {})));
  auto owned = std::make_unique<NotingSource>(tables, distance_kernels(), kCovered);
  const NotingSource& noted = *owned;
  IndexSource source;
  source.adopt(std::move(owned));
  ASSERT_TRUE(source.needs_build(config, tables));
  ASSERT_TRUE(source.build({config, tables, distance_kernels(), quantizer.get()}, nullptr, kNeverStop));
  EXPECT_EQ(noted.steps, (std::vector<NotingSource::Step>{{"repair", kCovered}, {"extend", kCovered}}));
  EXPECT_FALSE(source.needs_build(config, tables));
}

TEST(WantedStructure, FollowsTheConfigurationAndTheSize) {
  EXPECT_EQ(wanted_structure({.dim = 8}, 100'000), IndexStructure::kFlat);
  EXPECT_EQ(wanted_structure({.dim = 8}, 1'000'000), IndexStructure::kGraph);
  EXPECT_EQ(wanted_structure({.dim = 8, .structure = IndexStructure::kFlat}, 1'000'000), IndexStructure::kFlat);
  EXPECT_EQ(wanted_structure({.dim = 8, .structure = IndexStructure::kLists}, 1'000'000), IndexStructure::kLists);
  EXPECT_EQ(wanted_structure({.dim = 8, .structure = IndexStructure::kGraph}, 10), IndexStructure::kFlat);
  EXPECT_EQ(wanted_structure({.dim = 8, .metric = Metric::kManhattan}, 1'000'000), IndexStructure::kFlat);
  EXPECT_EQ(wanted_structure({.dim = 8, .form = VectorForm::kInt8}, 1'000'000), IndexStructure::kFlat);
}

}  // namespace
}  // namespace orthant
