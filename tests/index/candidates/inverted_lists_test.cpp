// Inverted lists through the door of CandidateSource, over tables filled by hand: brute force in double precision is the judge.

#include "index/candidates/inverted_lists.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "base/npy.h"
#include "index/candidates/list_training.h"
#include "index/kernels/dispatch.h"
#include "index/row_distances.h"
#include "index/row_encoder.h"
#include "tests/index/brute_force.h"
#include "tests/support/paths.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

const std::atomic<bool> kNever{false};

// Rows in tables, with lists over them.
class Rows {
 public:
  Rows(Metric metric, std::size_t dim) : config{.dim = dim, .metric = metric}, quantizer(make_binary_quantizer(config)) {
    tables.emplace(config, quantizer->code_bytes(), quantizer->has_row_scales(), false);
  }

  void append(std::span<const float> rows) {
    std::vector<float> prepared(rows.begin(), rows.end());
    if (config.metric == Metric::kCosine) {
      for (std::size_t row = 0; row < rows.size() / config.dim; ++row) {
        normalize(std::span(prepared).subspan(row * config.dim, config.dim));
      }
    }
    floats.insert(floats.end(), prepared.begin(), prepared.end());
    tables->append(encode_float_rows(config, *quantizer, false, prepared, {}));
  }

  PreparedQuery prepare(std::span<const float> query) const {
    return prepare_query(config.metric, quantizer.get(), query, {.estimate = true, .int8 = true});
  }
  RowMask mask(const Bitmap* allowed = nullptr) const { return {*tables, allowed, tables->row_count()}; }

  // Ordinals of the ten nearest by int8 codes of what the lists find.
  std::vector<Ordinal> search(const CandidateSource& lists, std::span<const float> query, std::size_t effort,
                              const Bitmap* allowed = nullptr) const {
    const PreparedQuery prepared = prepare(query);
    std::vector<Candidate> found = lists.candidates(prepared, mask(allowed), 100, effort, nullptr);
    for (Candidate& candidate : found) {
      Int8Distances(*tables, distance_kernels(), prepared).list({&candidate.ordinal, 1}, &candidate.distance);
    }
    std::ranges::sort(found, {}, &Candidate::distance);
    std::vector<Ordinal> ordinals;
    for (std::size_t i = 0; i < std::min<std::size_t>(10, found.size()); ++i) ordinals.push_back(found[i].ordinal);
    return ordinals;
  }

  // The share of the ten nearest that is found, mean over the queries. Ties count by their score.
  double recall(const CandidateSource& lists, std::span<const float> queries, std::size_t effort,
                const Bitmap* allowed = nullptr) const {
    std::size_t hits = 0, wanted = 0;
    for (std::size_t i = 0; i < queries.size() / config.dim; ++i) {
      const auto query = queries.subspan(i * config.dim, config.dim);
      const test::BruteForce truth(config.metric, query, floats, [&](Ordinal ordinal) {
        return !tables->is_buried(ordinal) && (allowed == nullptr || allowed->test(ordinal));
      });
      const std::vector<double> best = truth.best_scores(10);
      wanted += best.size();
      for (Ordinal ordinal : search(lists, query, effort, allowed)) {
        const double score = truth.score(ordinal);
        hits += lower_score_is_better(config.metric) ? score <= best.back() + 1e-6 : score >= best.back() - 1e-6;
      }
    }
    return static_cast<double>(hits) / static_cast<double>(wanted);
  }

  IndexConfig config;
  std::unique_ptr<const BinaryQuantizer> quantizer;
  std::optional<CodeTables> tables;
  std::vector<float> floats;
};

std::unique_ptr<CandidateSource> built_lists(const Rows& rows, const ListOptions& options = {}) {
  auto lists = make_lists(rows.config, *rows.tables, options);
  EXPECT_TRUE(lists->extend(rows.tables->row_count(), nullptr, kNever));
  return lists;
}

void expect_each_once(const std::vector<Candidate>& found) {
  std::set<Ordinal> ordinals;
  for (const Candidate& candidate : found) EXPECT_TRUE(ordinals.insert(candidate.ordinal).second) << candidate.ordinal;
}

TEST(InvertedLists, FindTheNearestOfSentenceEmbeddings) {
  ORTHANT_REQUIRE_SHARED_DATA();
  const auto reference = test::shared_dir() / "reference";
  const FloatMatrix documents = read_npy_floats(reference / "scifact-documents.npy").value();
  const FloatMatrix queries = read_npy_floats(reference / "scifact-queries.npy").value();
  Rows rows(Metric::kCosine, documents.columns);
  rows.append(documents.values);
  const auto lists = built_lists(rows, {.list_count = 200});
  EXPECT_EQ(lists->covered_count(), documents.rows);
  const auto some = std::span(queries.values).first(40 * queries.columns);
  const double tenth = rows.recall(*lists, some, lists->largest_effort() / 10);
  EXPECT_GE(tenth, 0.93);
  EXPECT_GE(rows.recall(*lists, some, lists->largest_effort() / 2), 0.985);
  EXPECT_GE(rows.recall(*lists, some, lists->largest_effort()), tenth);
}

class InvertedListsOfMetric : public testing::TestWithParam<Metric> {};

TEST_P(InvertedListsOfMetric, FindTheNearestOfClusteredRows) {
  std::mt19937_64 random(test::sample_seed());
  for (const std::size_t dim : {32, 77}) {
    Rows rows(GetParam(), dim);
    rows.append(test::clustered_rows(5'000, dim, random));
    const auto lists = built_lists(rows, {.list_count = 64});
    const std::vector<float> queries = test::clustered_rows(30, dim, random);
    EXPECT_GE(rows.recall(*lists, queries, 32), 0.85) << dim;
  }
}

TEST_P(InvertedListsOfMetric, EstimateTheDistanceOfTheMetric) {
  std::mt19937_64 random(test::sample_seed());
  constexpr std::size_t kDim = 128;
  Rows rows(GetParam(), kDim);
  rows.append(test::clustered_rows(3'000, kDim, random));
  const auto lists = built_lists(rows);
  double error = 0, deviation = 0;
  for (int round = 0; round < 10; ++round) {
    const PreparedQuery query = rows.prepare(test::clustered_rows(1, kDim, random));
    double mean = 0;
    const std::vector<Candidate> found = lists->candidates(query, rows.mask(), 3'000, lists->largest_effort(), nullptr);
    ASSERT_EQ(found.size(), 3'000u);
    std::vector<float> exact(found.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      float_distances(distance_kernels(), query, rows.floats.data() + found[i].ordinal * kDim, 1, &exact[i]);
      error += std::pow(found[i].distance - exact[i], 2);
      mean += exact[i] / static_cast<double>(found.size());
    }
    for (float distance : exact) deviation += std::pow(distance - mean, 2);
  }
  EXPECT_LT(error, 0.1 * deviation);
}

INSTANTIATE_TEST_SUITE_P(Metrics, InvertedListsOfMetric, testing::Values(Metric::kCosine, Metric::kDot, Metric::kEuclid),
                         [](const auto& metric) { return std::string(metric_name(metric.param)); });

TEST(InvertedLists, ReturnEachRowOnceAndAllWithLargestEffort) {
  std::mt19937_64 random(test::sample_seed());
  Rows rows(Metric::kCosine, 48);
  rows.append(test::clustered_rows(4'000, 48, random));
  const auto lists = built_lists(rows);
  const PreparedQuery query = rows.prepare(test::clustered_rows(1, 48, random));
  const auto all = lists->candidates(query, rows.mask(), 10'000, lists->largest_effort(), nullptr);
  EXPECT_EQ(all.size(), 4'000u);
  expect_each_once(all);
  SourceTrace few, many;
  const auto nearest = lists->candidates(query, rows.mask(), 50, 8, &few);
  EXPECT_EQ(nearest.size(), 50u);
  expect_each_once(nearest);
  (void)lists->candidates(query, rows.mask(), 50, 16, &many);
  EXPECT_EQ(few.visited, 8u);
  EXPECT_EQ(many.visited, 16u);
  EXPECT_LT(few.compared, many.compared);
}

TEST(InvertedLists, NeverReturnFilteredOrBuriedRows) {
  std::mt19937_64 random(test::sample_seed());
  Rows rows(Metric::kCosine, 48);
  rows.append(test::clustered_rows(4'000, 48, random));
  const auto lists = built_lists(rows);
  Bitmap allowed(4'000);
  for (Ordinal ordinal = 0; ordinal < 4'000; ++ordinal) {
    if (random() % 4 == 0) allowed.set(ordinal);
    if (random() % 8 == 0) rows.tables->bury(ordinal);
  }
  const PreparedQuery query = rows.prepare(test::clustered_rows(1, 48, random));
  const auto found = lists->candidates(query, rows.mask(&allowed), 4'000, lists->largest_effort(), nullptr);
  EXPECT_EQ(found.size(), rows.mask(&allowed).count());
  for (const Candidate& candidate : found) {
    EXPECT_TRUE(allowed.test(candidate.ordinal) && !rows.tables->is_buried(candidate.ordinal)) << candidate.ordinal;
  }
  EXPECT_GE(rows.recall(*lists, test::clustered_rows(20, 48, random), lists->largest_effort() / 2, &allowed), 0.92);
}

TEST(InvertedLists, RepairTakesBuriedRowsOut) {
  std::mt19937_64 random(test::sample_seed());
  Rows rows(Metric::kCosine, 48);
  rows.append(test::clustered_rows(4'000, 48, random));
  const auto lists = built_lists(rows);
  for (Ordinal ordinal = 0; ordinal < 4'000; ordinal += 2) rows.tables->bury(ordinal);
  EXPECT_EQ(lists->stale_count(), 2'000u);
  const std::size_t before = lists->memory_bytes();
  ThreadPool pool("repair", 2, 64);
  ASSERT_TRUE(lists->repair(&pool, kNever));
  EXPECT_EQ(lists->stale_count(), 0u);
  EXPECT_LT(lists->memory_bytes(), before * 7 / 10);
  EXPECT_EQ(lists->covered_count(), 4'000u);
  SourceTrace trace;
  const PreparedQuery query = rows.prepare(test::clustered_rows(1, 48, random));
  const auto found = lists->candidates(query, rows.mask(), 4'000, lists->largest_effort(), &trace);
  EXPECT_EQ(found.size(), 2'000u);
  EXPECT_LE(trace.compared, 4'000u);
}

TEST(InvertedLists, TakeRowsInAsTheyCome) {
  std::mt19937_64 random(test::sample_seed());
  Rows rows(Metric::kCosine, 48);
  const auto lists = make_lists(rows.config, *rows.tables);
  EXPECT_EQ(lists->covered_count(), 0u);
  EXPECT_TRUE(lists->candidates(rows.prepare(std::vector<float>(48, 1.0f)), rows.mask(), 10, 1, nullptr).empty());
  ASSERT_TRUE(lists->extend(0, nullptr, kNever));
  for (const std::size_t count : {3'000, 1, 70, 500, 64, 300, 65}) {
    rows.append(test::clustered_rows(count, 48, random));
    ASSERT_TRUE(lists->extend(rows.tables->row_count(), nullptr, kNever));
    EXPECT_EQ(lists->covered_count(), rows.tables->row_count());
  }
  EXPECT_FALSE(lists->is_outgrown());
  const std::vector<float> queries = test::clustered_rows(30, 48, random);
  EXPECT_GE(rows.recall(*lists, queries, lists->largest_effort() / 2), 0.93);
  const auto all =
      lists->candidates(rows.prepare(std::span(queries).first(48)), rows.mask(), 4'000, lists->largest_effort(), nullptr);
  EXPECT_EQ(all.size(), 4'000u);
  expect_each_once(all);
}

TEST(InvertedLists, AreOutgrownByFourTimesTheRows) {
  std::mt19937_64 random(test::random_seed());
  Rows rows(Metric::kCosine, 24);
  rows.append(test::clustered_rows(200, 24, random));
  const auto lists = built_lists(rows);
  rows.append(test::clustered_rows(599, 24, random));
  ASSERT_TRUE(lists->extend(799, nullptr, kNever));
  EXPECT_FALSE(lists->is_outgrown());
  rows.append(test::clustered_rows(1, 24, random));
  ASSERT_TRUE(lists->extend(800, nullptr, kNever));
  EXPECT_TRUE(lists->is_outgrown());
}

TEST(InvertedLists, ServeRowsThatAreAllAlike) {
  for (const float value : {0.0f, 0.25f}) {
    Rows rows(Metric::kDot, 20);
    rows.append(std::vector<float>(20 * 700, value));
    const auto lists = built_lists(rows);
    const auto found =
        lists->candidates(rows.prepare(std::vector<float>(20, 1.0f)), rows.mask(), 700, lists->largest_effort(), nullptr);
    EXPECT_EQ(found.size(), 700u) << value;
    for (const Candidate& candidate : found) EXPECT_NEAR(candidate.distance, -20 * value, 0.1) << value;
  }
}

TEST(InvertedLists, SurviveVectorsAtTheEndsOfFloats) {
  Rows rows(Metric::kEuclid, 16);
  std::vector<float> values(16 * 400, 1.0f);
  for (std::size_t i = 0; i < values.size(); i += 37) values[i] = i % 2 == 0 ? 3e38f : -3e38f;
  rows.append(values);
  const auto lists = built_lists(rows);
  const auto found =
      lists->candidates(rows.prepare(std::vector<float>(16, 1.0f)), rows.mask(), 400, lists->largest_effort(), nullptr);
  expect_each_once(found);
  for (const Candidate& candidate : found) EXPECT_TRUE(std::isfinite(candidate.distance));
}

TEST(InvertedLists, StopWhenAskedAndGoOnLater) {
  std::mt19937_64 random(test::random_seed());
  Rows rows(Metric::kCosine, 32);
  rows.append(test::clustered_rows(2'000, 32, random));
  const auto lists = make_lists(rows.config, *rows.tables);
  const std::atomic<bool> stopped{true};
  EXPECT_TRUE(lists->extend(2'000, nullptr, stopped));
  EXPECT_EQ(lists->covered_count(), 0u);
  EXPECT_TRUE(lists->extend(2'000, nullptr, kNever));
  EXPECT_EQ(lists->covered_count(), 2'000u);
}

TEST(InvertedLists, SearchBesideGrowthBurialAndRepair) {
  std::mt19937_64 random(test::random_seed());
  constexpr std::size_t kDim = 32;
  Rows rows(Metric::kCosine, kDim);
  rows.append(test::clustered_rows(1'000, kDim, random));
  const auto lists = built_lists(rows);
  const PreparedQuery query = rows.prepare(test::clustered_rows(1, kDim, random));
  std::atomic<bool> done{false};
  std::vector<std::thread> searchers;
  for (int i = 0; i < 2; ++i) {
    searchers.emplace_back([&] {
      while (!done.load()) {
        const std::size_t covered = lists->covered_count();
        const auto found = lists->candidates(query, rows.mask(), 5'000, lists->largest_effort(), nullptr);
        std::set<Ordinal> ordinals;
        for (const Candidate& candidate : found) ordinals.insert(candidate.ordinal);
        EXPECT_EQ(ordinals.size(), found.size());
        // Only every third row is ever buried: the others are found for sure.
        for (Ordinal ordinal = 0; ordinal < covered; ++ordinal) {
          EXPECT_TRUE(ordinal % 3 == 0 || ordinals.contains(ordinal)) << ordinal;
        }
      }
    });
  }
  std::thread builder([&] {
    ThreadPool pool("builder", 2, 64);
    while (!done.load()) {
      EXPECT_TRUE(lists->extend(rows.tables->row_count(), &pool, kNever));
      EXPECT_TRUE(lists->repair(&pool, kNever));
    }
  });
  for (int piece = 0; piece < 30; ++piece) {
    const Ordinal first = rows.tables->row_count();
    rows.append(test::clustered_rows(97, kDim, random));
    for (Ordinal ordinal = first; ordinal < rows.tables->row_count(); ++ordinal) {
      if (ordinal % 3 == 0) rows.tables->bury(ordinal);
    }
    std::this_thread::yield();
  }
  done.store(true);
  builder.join();
  for (std::thread& searcher : searchers) searcher.join();
}

// ---- snapshots ----

// A copy through parameters() and columns(), as a snapshot makes it; `damage` changes what is in between.
Result<std::unique_ptr<CandidateSource>> copy_of(
    const Rows& rows, CandidateSource& lists, const std::function<void(std::string&)>& damage_parameters = [](std::string&) {},
    const std::function<void(SourceColumn&)>& damage_column = [](SourceColumn&) {}) {
  std::string parameters = lists.parameters();
  damage_parameters(parameters);
  auto copy = ORTHANT_TRY(load_lists(rows.config, *rows.tables, parameters));
  const auto from = lists.columns();
  auto to = copy->columns();
  if (from.size() != to.size()) return internal_error("columns differ");
  for (std::size_t i = 0; i < from.size(); ++i) {
    EXPECT_EQ(from[i].number, to[i].number);
    EXPECT_EQ(from[i].rows, to[i].rows);
    for (std::size_t row = 0; row < from[i].rows; ++row) {
      std::memcpy(to[i].column->row(row), from[i].column->row(row), to[i].column->row_bytes());
    }
    damage_column(to[i]);
  }
  ORTHANT_TRY(copy->finish_load());
  return copy;
}

class InvertedListsSnapshot : public testing::Test {
 protected:
  void SetUp() override {
    rows_.append(test::clustered_rows(3'000, 40, random_));
    lists_ = built_lists(rows_);
    rows_.append(test::clustered_rows(200, 40, random_));
    ASSERT_TRUE(lists_->extend(3'200, nullptr, kNever));
  }
  std::mt19937_64 random_{test::random_seed()};
  Rows rows_{Metric::kEuclid, 40};
  std::unique_ptr<CandidateSource> lists_;
};

TEST_F(InvertedListsSnapshot, GivesTheSameCandidates) {
  const auto copy = copy_of(rows_, *lists_).value();
  EXPECT_EQ(copy->covered_count(), 3'200u);
  EXPECT_EQ(copy->memory_bytes(), lists_->memory_bytes());
  for (int i = 0; i < 10; ++i) {
    const PreparedQuery query = rows_.prepare(test::clustered_rows(1, 40, random_));
    const auto expected = lists_->candidates(query, rows_.mask(), 100, 20, nullptr);
    const auto found = copy->candidates(query, rows_.mask(), 100, 20, nullptr);
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t k = 0; k < found.size(); ++k) {
      EXPECT_EQ(found[k].ordinal, expected[k].ordinal);
      EXPECT_EQ(found[k].distance, expected[k].distance);
    }
  }
  rows_.append(test::clustered_rows(100, 40, random_));
  EXPECT_TRUE(copy->extend(3'300, nullptr, kNever));
  EXPECT_EQ(copy->covered_count(), 3'300u);
}

TEST_F(InvertedListsSnapshot, OfEmptyListsIsEmpty) {
  const auto empty = make_lists(rows_.config, *rows_.tables);
  const auto copy = copy_of(rows_, *empty).value();
  EXPECT_EQ(copy->covered_count(), 0u);
  EXPECT_TRUE(copy->extend(3'200, nullptr, kNever));
  EXPECT_EQ(copy->covered_count(), 3'200u);
}

TEST_F(InvertedListsSnapshot, WithDamagedParametersIsRefused) {
  const std::string whole = lists_->parameters();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const auto copy = copy_of(rows_, *lists_, [&](std::string& parameters) { parameters.resize(length); });
    ASSERT_FALSE(copy) << length;
    EXPECT_EQ(copy.error().code, ErrorCode::kDataCorruption);
  }
  EXPECT_FALSE(copy_of(rows_, *lists_, [](std::string& parameters) { parameters += 'x'; }));
  // More rows than the tables have.
  Rows fewer(Metric::kEuclid, 40);
  fewer.append(test::clustered_rows(3'100, 40, random_));
  EXPECT_FALSE(load_lists(fewer.config, *fewer.tables, whole));
  Rows other(Metric::kDot, 40);
  other.append(test::clustered_rows(3'200, 40, random_));
  EXPECT_FALSE(load_lists(other.config, *other.tables, whole));
}

TEST_F(InvertedListsSnapshot, WithDamagedColumnsIsRefused) {
  const auto expect_refused = [&](std::uint32_t number, std::size_t row, std::uint8_t byte, std::size_t at) {
    const auto copy = copy_of(
        rows_, *lists_, [](std::string&) {},
        [&](SourceColumn& column) {
          if (column.number == number) column.column->row(row)[at] = byte;
        });
    ASSERT_FALSE(copy) << number;
    EXPECT_EQ(copy.error().code, ErrorCode::kDataCorruption);
  };
  expect_refused(16 + 4, 5, 0xff, 3);  // an ordinal of the first segment
  expect_refused(16 + 0, 2, 0x77, 0);  // where a list begins
  expect_refused(16 + 0, 2, 0x77, 9);  // how many entries it has
  expect_refused(1, 3, 0xff, 3);       // the scale of a centroid becomes negative
}

// Searches read lists in the order of memory and count on this.
TEST(ListTraining, PutsNearCentroidsSideBySide) {
  std::mt19937_64 random(test::sample_seed());
  constexpr std::size_t kDim = 32;
  constexpr std::size_t kLists = 150;
  Rows rows(Metric::kDot, kDim);
  rows.append(test::clustered_rows(4'000, kDim, random));
  const TrainedLists trained = train_lists(*rows.tables, distance_kernels(), kDim, 4'000, kLists, nullptr, kNever);
  ASSERT_EQ(trained.centroids->count(), kLists);
  std::vector<float> centroids(kLists * kDim);
  for (std::uint32_t list = 0; list < kLists; ++list)
    trained.centroids->decode(list, std::span(centroids).subspan(list * kDim, kDim));
  const auto distance = [&](std::size_t a, std::size_t b) {
    double sum = 0;
    for (std::size_t k = 0; k < kDim; ++k) {
      const double difference = double{centroids[a * kDim + k]} - centroids[b * kDim + k];
      sum += difference * difference;
    }
    return sum;
  };
  double beside = 0, anywhere = 0;
  for (std::size_t list = 0; list + 1 < kLists; ++list) {
    beside += distance(list, list + 1) / (kLists - 1);
    for (std::size_t other = 0; other < kLists; ++other) anywhere += distance(list, other) / ((kLists - 1) * (kLists - 1));
  }
  EXPECT_LT(beside, 0.8 * anywhere);
}

}  // namespace
}  // namespace orthant
