// Quantizers trained while an index is in use: nothing is lost, buried rows stay buried, answers stay right.

#include <atomic>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/index/brute_force.h"
#include "tests/index/filled_index.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

constexpr std::size_t kDim = 40;
const std::atomic<bool> kGoOn = false;

IndexConfig config_of(Metric metric = Metric::kCosine) {
  IndexConfig config;
  config.dim = kDim;
  config.metric = metric;
  config.residency = FloatResidency::kDisk;
  return config;
}

std::unique_ptr<VectorIndex> retrain(const VectorIndex& index) {
  auto successor = index.retrained(nullptr, kGoOn).value();
  if (successor) {
    EXPECT_TRUE(successor->take_over(index, nullptr));
  }
  return successor;
}

// Exact search of both indexes finds the same; searches through codes find nearly all of it and nothing that is buried.
void expect_same_rows(const VectorIndex& index, const VectorIndex& other, std::mt19937_64& random) {
  ASSERT_EQ(index.row_count(), other.row_count());
  ASSERT_EQ(index.live_count(), other.live_count());
  std::size_t found_too = 0;
  std::size_t wanted = 0;
  for (int i = 0; i < 20; ++i) {
    const std::vector<float> query = test::clustered_rows(1, kDim, random);
    SearchParams exact;
    exact.exact = true;
    const auto expected = index.search(query, exact).value();
    const auto found = other.search(query, exact).value();
    ASSERT_EQ(expected.size(), found.size());
    std::set<Ordinal> neighbors;
    for (std::size_t rank = 0; rank < found.size(); ++rank) {
      ASSERT_EQ(expected[rank].ordinal, found[rank].ordinal);
      neighbors.insert(found[rank].ordinal);
    }
    SearchParams coded;
    coded.stages = SearchStages::kAsymmetricInt8Float;
    coded.oversampling = static_cast<double>(index.row_count()) / 50;  // a fifth of the rows
    const auto hits = other.search(query, coded).value();
    for (const ScoredOrdinal& hit : hits) {
      ASSERT_FALSE(index.is_buried(hit.ordinal));
      found_too += neighbors.contains(hit.ordinal) ? 1 : 0;
    }
    wanted += neighbors.size();
  }
  EXPECT_GT(static_cast<double>(found_too), 0.95 * static_cast<double>(wanted));
}

TEST(Retraining, IsWantedOnceThereAreRowsToLearnFrom) {
  std::mt19937_64 random(test::sample_seed());
  auto filled = test::fill_index(config_of(), test::clustered_rows(500, kDim, random));
  EXPECT_FALSE(filled.index->needs_training());
  filled.add(test::clustered_rows(2'000, kDim, random));
  EXPECT_TRUE(filled.index->needs_training());
  EXPECT_EQ(filled.index->quantizer_name(), "sign");

  IndexConfig plain = config_of();
  plain.binary_codes = BinaryCodes::kSign;
  EXPECT_FALSE(test::fill_index(plain, test::clustered_rows(2'500, kDim, random)).index->needs_training());
  IndexConfig resident = config_of();  // small and in memory: searches are exact
  resident.residency = FloatResidency::kAuto;
  EXPECT_FALSE(test::fill_index(resident, test::clustered_rows(2'500, kDim, random)).index->needs_training());
}

TEST(Retraining, KeepsOrdinalsAndBurialsUnderEveryMetricAndDepth) {
  std::mt19937_64 random(test::sample_seed());
  for (Metric metric : {Metric::kCosine, Metric::kDot, Metric::kEuclid}) {
    for (unsigned bits : {1u, 2u, 4u}) {
      IndexConfig config = config_of(metric);
      config.code_bits = bits;
      config.binary_codes = bits == 2 ? BinaryCodes::kRotated : BinaryCodes::kAuto;
      auto filled = test::fill_index(config, test::clustered_rows(2'300, kDim, random));
      for (int i = 0; i < 200; ++i) filled.index->bury(static_cast<Ordinal>(random() % 2'300));
      const auto successor = retrain(*filled.index);
      ASSERT_NE(successor, nullptr);
      EXPECT_EQ(successor->quantizer_name(), bits == 2 ? "rotated" : "learned");
      EXPECT_FALSE(successor->needs_training());
      expect_same_rows(*filled.index, *successor, random);
    }
  }
}

TEST(Retraining, TakesOverWhatHappenedMeanwhile) {
  std::mt19937_64 random(test::sample_seed());
  auto filled = test::fill_index(config_of(), test::clustered_rows(2'200, kDim, random));
  const auto successor = filled.index->retrained(nullptr, kGoOn).value();
  ASSERT_NE(successor, nullptr);
  filled.add(test::clustered_rows(777, kDim, random));
  for (Ordinal ordinal : {3u, 2'199u, 2'200u, 2'900u}) filled.index->bury(ordinal);
  filled.stored->erase(2'900);
  ASSERT_TRUE(successor->take_over(*filled.index, nullptr));
  expect_same_rows(*filled.index, *successor, random);
}

void build(VectorIndex& index) {
  while (index.needs_build()) ASSERT_TRUE(index.build(nullptr, kGoOn));
  if (index.needs_calibration()) {
    ASSERT_TRUE(index.calibrate(nullptr));
  }
}

// Neighbours stay neighbours whatever the codes: no row is linked again, and searches go through the graph as before.
TEST(Retraining, KeepsTheGraph) {
  std::mt19937_64 random(test::sample_seed());
  IndexConfig config = config_of();
  config.structure = IndexStructure::kGraph;
  config.exact_below_bytes = 0;
  auto filled = test::fill_index(config, test::clustered_rows(3'000, kDim, random));
  build(*filled.index);
  for (Ordinal ordinal = 0; ordinal < 300; ordinal += 2) filled.index->bury(ordinal);
  filled.add(test::clustered_rows(500, kDim, random));
  const auto successor = retrain(*filled.index);
  ASSERT_NE(successor, nullptr);
  EXPECT_EQ(successor->structure(), "graph");
  EXPECT_EQ(successor->structure_rows(), 3'000u);
  EXPECT_FALSE(successor->needs_build());
  EXPECT_TRUE(successor->needs_calibration());  // efforts are those of the codes
  build(*successor);
  expect_same_rows(*filled.index, *successor, random);
  std::size_t found_too = 0;
  for (int i = 0; i < 50; ++i) {
    const std::vector<float> query = test::clustered_rows(1, kDim, random);
    SearchParams exact;
    exact.exact = true;
    const auto expected = successor->search(query, exact).value();
    std::set<Ordinal> neighbors;
    for (const ScoredOrdinal& row : expected) neighbors.insert(row.ordinal);
    SearchTrace trace;
    const auto found = successor->search(query, {}, &trace).value();
    for (const ScoredOrdinal& row : found) found_too += neighbors.count(row.ordinal);
    EXPECT_EQ(trace.stages.front().name, "graph");
  }
  EXPECT_GE(found_too, 480u);  // of 500, at a target of .99
}

TEST(Retraining, HappensAgainOnlyWhenRowsHaveDrifted) {
  std::mt19937_64 random(test::sample_seed());
  auto filled = test::fill_index(config_of(), test::clustered_rows(2'500, kDim, random));
  auto trained = test::FilledIndex{std::move(filled.stored), retrain(*filled.index)};
  EXPECT_FALSE(trained.index->needs_training());
  trained.add(test::clustered_rows(2'500, kDim, random));
  EXPECT_TRUE(trained.index->needs_training());
  EXPECT_EQ(retrain(*trained.index), nullptr);  // looked, and found more of the same
  EXPECT_FALSE(trained.index->needs_training());
  std::vector<float> others = test::clustered_rows(5'500, kDim, random);
  for (std::size_t i = 0; i < others.size(); ++i) others[i] *= i % kDim < 10 ? 4.0f : 0.3f;  // other directions count now
  trained.add(others);
  EXPECT_TRUE(trained.index->needs_training());
  const auto again = retrain(*trained.index);
  ASSERT_NE(again, nullptr);
  expect_same_rows(*trained.index, *again, random);
}

TEST(Retraining, ComesBackFromASnapshot) {
  std::mt19937_64 random(test::sample_seed());
  const test::TemporaryDirectory directory;
  for (BinaryCodes codes : {BinaryCodes::kRotated, BinaryCodes::kLearned}) {
    IndexConfig config = config_of();
    config.binary_codes = codes;
    auto filled = test::fill_index(config, test::clustered_rows(2'100, kDim, random));
    const auto successor = retrain(*filled.index);
    ASSERT_TRUE(successor->save(directory.path() / "index"));
    const auto loaded = VectorIndex::load(directory.path() / "index", config, filled.stored.get());
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ((*loaded)->quantizer_name(), successor->quantizer_name());
    EXPECT_FALSE((*loaded)->needs_training());
    SearchParams params;
    params.stages = SearchStages::kAsymmetric;
    const std::vector<float> query = test::clustered_rows(1, kDim, random);
    const auto expected = successor->search(query, params).value();
    const auto found = (*loaded)->search(query, params).value();
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(found[i].ordinal, expected[i].ordinal);
      EXPECT_EQ(found[i].score, expected[i].score);
    }
  }
}

// Codes that scans are content with do not serve a graph: they are made anew before it is built.
TEST(Retraining, ReplacesCodesOfScansOnceAStructureIsWanted) {
  constexpr std::size_t kWideDim = 200;
  std::mt19937_64 random(test::sample_seed());
  const test::TemporaryDirectory directory;
  IndexConfig config = config_of();
  config.dim = kWideDim;
  config.structure = IndexStructure::kFlat;
  std::vector<float> rows = test::clustered_rows(2'100, kWideDim, random);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] *= i % kWideDim < 70 ? 1.0f : 0.1f;
  auto filled = test::fill_index(config, rows);
  const auto scanned = retrain(*filled.index);
  ASSERT_NE(scanned, nullptr);
  EXPECT_EQ(scanned->memory().binary_bytes, 2'100U * 12);
  EXPECT_FALSE(scanned->needs_training());
  ASSERT_TRUE(scanned->calibrate(nullptr));
  ASSERT_TRUE(scanned->save(directory.path() / "index"));

  config.structure = IndexStructure::kGraph;
  const auto loaded = VectorIndex::load(directory.path() / "index", config, filled.stored.get()).value();
  EXPECT_EQ(loaded->memory().binary_bytes, 2'100U * 12);
  EXPECT_FALSE(loaded->needs_build());
  EXPECT_TRUE(loaded->needs_training());
  const auto whole = retrain(*loaded);
  ASSERT_NE(whole, nullptr);
  EXPECT_EQ(whole->memory().binary_bytes, 2'100U * 25);
  EXPECT_FALSE(whole->needs_training());
  EXPECT_TRUE(whole->needs_build());

  const std::span<const float> query = std::span(rows).first(kWideDim);
  for (const VectorIndex* index : {scanned.get(), loaded.get(), whole.get()}) {
    const auto found = index->search(query, {}).value();
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(found.front().ordinal, 0U);
    const auto bits_alone = index->search(query, {.stages = SearchStages::kBinary}).value();
    EXPECT_NEAR(bits_alone.front().score, 1.0f, 0.3f);  // in the range of the bits that there are
  }
}

TEST(Retraining, StopsWhenAsked) {
  std::mt19937_64 random(test::sample_seed());
  auto filled = test::fill_index(config_of(), test::clustered_rows(2'100, kDim, random));
  const std::atomic<bool> stop = true;
  const auto stopped = filled.index->retrained(nullptr, stop);
  ASSERT_FALSE(stopped.has_value());
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
}

// A writer appends and buries, searches run, an index is trained and takes the place of the first, again and again.
TEST(Retraining, LosesNothingBesideWritesAndSearches) {
  std::mt19937_64 random(test::sample_seed());
  MemoryFloatVectors stored(kDim);
  std::mutex mutex;  // of `current`, and of the writer's turns
  std::shared_ptr<VectorIndex> current = VectorIndex::create(config_of(), &stored).value();
  const auto write = [&](std::size_t count) {
    const std::lock_guard lock(mutex);
    std::vector<float> rows;
    for (std::size_t i = 0; i < count; ++i) {
      const auto row = current->prepare_vector(test::clustered_rows(1, kDim, random)).value();
      rows.insert(rows.end(), row.begin(), row.end());
    }
    stored.append(rows);
    current->append(*current->encode_rows(rows).value());
    const auto gone = static_cast<Ordinal>(random() % current->row_count());
    current->bury(gone);
    stored.erase(gone);
  };
  write(2'500);
  std::atomic<bool> done = false;
  std::thread searcher([&, seed = random()] {
    std::mt19937_64 mine(seed);
    while (!done) {
      const std::shared_ptr<VectorIndex> index = [&] {
        const std::lock_guard lock(mutex);
        return current;
      }();
      SearchParams params;
      params.stages = SearchStages::kAsymmetricInt8Float;
      const auto found = index->search(test::clustered_rows(1, kDim, mine), params);
      ASSERT_TRUE(found) << found.error().message;
      ASSERT_GE(found->size(), 8u);  // a row may vanish from the store during the search
    }
  });
  std::thread trainer([&] {
    for (int round = 0; round < 2; ++round) {
      const std::shared_ptr<VectorIndex> index = current;
      auto successor = index->retrained(nullptr, kGoOn).value();
      if (!successor) break;
      ASSERT_TRUE(successor->take_over(*index, nullptr));
      const std::lock_guard lock(mutex);
      ASSERT_TRUE(successor->take_over(*index, nullptr));
      current = std::move(successor);
    }
    done = true;
  });
  while (!done) write(1 + random() % 20);
  trainer.join();
  searcher.join();
  EXPECT_EQ(current->quantizer_name(), "learned");
  ASSERT_EQ(current->row_count(), stored.row_count());
  const auto rebuilt = VectorIndex::rebuild(config_of(), &stored, stored.row_count(), nullptr).value();
  expect_same_rows(*rebuilt, *current, random);
}

}  // namespace
}  // namespace orthant
