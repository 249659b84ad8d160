// Indexes whose codes live on disk: they answer as those in memory do, and come there by configuration, by the memory budget and
// from snapshots.

#include <atomic>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/index/brute_force.h"
#include "tests/index/filled_index.h"
#include "tests/support/file_limit.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

using test::clustered_rows;
using test::FilledIndex;

constexpr std::size_t kDim = 64;
constexpr std::size_t kRows = 2'500;
const std::atomic<bool> kNeverStop{false};

IndexConfig config_of(IndexStructure structure, CodeResidency codes, Metric metric = Metric::kCosine) {
  return {.dim = kDim,
          .metric = metric,
          .residency = FloatResidency::kDisk,
          .exact_below_bytes = 0,
          .structure = structure,
          .code_residency = codes};
}

class CodesOnDisk : public testing::Test {
 protected:
  CodesOnDisk() : random_(test::random_seed()), rows_(clustered_rows(kRows, kDim, random_)) {}

  FilledIndex fill(const IndexConfig& config, MemoryBudget* budget = nullptr) {
    FilledIndex filled = {std::make_unique<MemoryFloatVectors>(kDim), nullptr};
    filled.index = VectorIndex::create(config, filled.stored.get(), home(budget)).value();
    filled.add(rows_);
    for (Ordinal row = 0; row < kRows; row += 7) filled.index->bury(row);
    build(*filled.index);
    return filled;
  }
  IndexHome home(MemoryBudget* budget = nullptr) const { return {directory_.path(), budget}; }

  static void build(VectorIndex& index) {
    Status status;
    while (status && index.needs_build()) status = index.build(nullptr, kNeverStop);
    ASSERT_TRUE(status) << status.error().message;
  }

  void expect_equal_answers(const VectorIndex& index, const VectorIndex& other) {
    ASSERT_EQ(index.row_count(), other.row_count());
    ASSERT_EQ(index.live_count(), other.live_count());
    for (int i = 0; i < 30; ++i) {
      const std::vector<float> query = clustered_rows(1, kDim, random_);
      SearchParams params;
      params.exact = i % 3 == 0;
      if (i % 3 == 1) params.effort = 1'000'000;
      const auto expected = index.search(query, params).value();
      const auto found = other.search(query, params).value();
      ASSERT_EQ(expected.size(), found.size());
      for (std::size_t rank = 0; rank < found.size(); ++rank) {
        EXPECT_EQ(expected[rank].ordinal, found[rank].ordinal);
        EXPECT_EQ(expected[rank].score, found[rank].score);
      }
    }
  }

  std::mt19937_64 random_;
  std::vector<float> rows_;
  test::TemporaryDirectory directory_;
};

TEST_F(CodesOnDisk, AnswerAsCodesInMemory) {
  for (const auto structure : {IndexStructure::kFlat, IndexStructure::kLists}) {
    for (const Metric metric : {Metric::kDot, Metric::kEuclid}) {
      const FilledIndex in_memory = fill(config_of(structure, CodeResidency::kMemory, metric));
      const FilledIndex on_disk = fill(config_of(structure, CodeResidency::kDisk, metric));
      EXPECT_EQ(in_memory.index->structure(), on_disk.index->structure());
      expect_equal_answers(*in_memory.index, *on_disk.index);
    }
  }
}

TEST_F(CodesOnDisk, TakeNoMemoryBesideTheStructure) {
  const FilledIndex in_memory = fill(config_of(IndexStructure::kLists, CodeResidency::kMemory));
  const FilledIndex on_disk = fill(config_of(IndexStructure::kLists, CodeResidency::kDisk));
  EXPECT_EQ(on_disk.index->code_residency(), CodeResidency::kDisk);
  const IndexMemory before = in_memory.index->memory();
  const IndexMemory after = on_disk.index->memory();
  EXPECT_EQ(before.disk_bytes, 0U);
  EXPECT_EQ(after.total() + after.disk_bytes, before.total());
  EXPECT_EQ(after.structure_bytes, before.structure_bytes);
  // The first rows of a column stay in memory.
  constexpr std::size_t kFirstRows = std::size_t{64} << 10;
  EXPECT_LE(after.int8_bytes, 2 * kFirstRows);
  EXPECT_LE(after.binary_bytes, 2 * kFirstRows);
  EXPECT_GE(after.disk_bytes, kRows * kDim - kFirstRows);
  const FilledIndex scanned = fill(config_of(IndexStructure::kFlat, CodeResidency::kDisk));
  EXPECT_EQ(scanned.index->memory().binary_bytes, before.binary_bytes);
  EXPECT_LE(scanned.index->memory().int8_bytes, 2 * kFirstRows);
}

TEST_F(CodesOnDisk, AreWalkedByAGraphWithLeanLists) {
  const FilledIndex in_memory = fill(config_of(IndexStructure::kGraph, CodeResidency::kMemory));
  const FilledIndex on_disk = fill(config_of(IndexStructure::kGraph, CodeResidency::kDisk));
  ASSERT_EQ(on_disk.index->structure(), "graph");
  EXPECT_LT(on_disk.index->memory().structure_bytes, in_memory.index->memory().structure_bytes * 3 / 4);
  std::size_t found = 0;
  for (int i = 0; i < 30; ++i) {
    const std::vector<float> query = clustered_rows(1, kDim, random_);
    const auto expected = in_memory.index->search(query, {.exact = true}).value();
    const std::vector<ScoredOrdinal> walked = on_disk.index->search(query, {.effort = 1'000}).value();
    for (const ScoredOrdinal& one : walked) {
      EXPECT_FALSE(on_disk.index->is_buried(one.ordinal));
      found += one.score >= expected.back().score - 1e-6f ? 1 : 0;
    }
  }
  EXPECT_GE(found, 290U);
}

// Whoever comes to short memory with a graph as it is in memory gets a lean one, and is served by the other until then.
TEST_F(CodesOnDisk, MakeAGraphThatCameFromMemoryLean) {
  const FilledIndex filled = fill(config_of(IndexStructure::kGraph, CodeResidency::kMemory));
  const auto file = directory_.path() / "snapshot";
  ASSERT_TRUE(filled.index->save(file));
  const auto loaded =
      VectorIndex::load(file, config_of(IndexStructure::kGraph, CodeResidency::kDisk), filled.stored.get(), home()).value();
  EXPECT_EQ(loaded->structure(), "graph");
  EXPECT_GT(loaded->memory().structure_bytes, filled.index->memory().structure_bytes * 3 / 4);
  ASSERT_TRUE(loaded->needs_build());
  build(*loaded);
  EXPECT_LT(loaded->memory().structure_bytes, filled.index->memory().structure_bytes * 3 / 4);
}

TEST_F(CodesOnDisk, ComeFromASnapshotAndGoIntoOne) {
  for (const auto structure : {IndexStructure::kFlat, IndexStructure::kLists}) {
    for (const auto from : {CodeResidency::kMemory, CodeResidency::kDisk}) {
      for (const auto to : {CodeResidency::kMemory, CodeResidency::kDisk}) {
        const FilledIndex filled = fill(config_of(structure, from));
        const auto file = directory_.path() / "snapshot";
        ASSERT_TRUE(filled.index->save(file));
        const auto loaded = VectorIndex::load(file, config_of(structure, to), filled.stored.get(), home()).value();
        EXPECT_EQ(loaded->code_residency(), to);
        EXPECT_EQ(loaded->structure(), filled.index->structure());
        expect_equal_answers(*filled.index, *loaded);
      }
    }
  }
}

TEST_F(CodesOnDisk, LeaveNothingBehind) {
  {
    const FilledIndex filled = fill(config_of(IndexStructure::kLists, CodeResidency::kDisk));
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

TEST_F(CodesOnDisk, AreRefusedOnAFullDiskAndLoseNothing) {
  FilledIndex filled = fill(config_of(IndexStructure::kLists, CodeResidency::kDisk));
  const FilledIndex twin = fill(config_of(IndexStructure::kLists, CodeResidency::kDisk));
  const std::vector<float> more(kDim * 9'000, 0.5f);
  const auto encoded = filled.index->encode_rows(more).value();
  {
    const test::FileLimit limit(1);
    const Status room = filled.index->make_room(9'000);
    ASSERT_FALSE(room);
    EXPECT_EQ(room.error().code, ErrorCode::kIoError);
    ASSERT_FALSE(filled.index->append(*encoded));
    EXPECT_FALSE(VectorIndex::rebuild(filled.index->config(), filled.stored.get(), kRows, nullptr, home()));
  }
  expect_equal_answers(*twin.index, *filled.index);
  ASSERT_TRUE(filled.index->make_room(9'000));
  filled.stored->append(more);
  ASSERT_TRUE(filled.index->append(*encoded));
  EXPECT_EQ(filled.index->row_count(), kRows + 9'000);
}

TEST_F(CodesOnDisk, AreNotOpenedWhereThereIsNoRoomAndOpenLater) {
  const FilledIndex filled = fill(config_of(IndexStructure::kLists, CodeResidency::kDisk));
  test::TemporaryDirectory elsewhere;
  const auto file = elsewhere.path() / "snapshot";
  ASSERT_TRUE(filled.index->save(file));
  {
    const test::FileLimit limit(1);
    const auto refused = VectorIndex::load(file, filled.index->config(), filled.stored.get(), home());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kIoError) << refused.error().message;
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
  const auto loaded = VectorIndex::load(file, filled.index->config(), filled.stored.get(), home()).value();
  expect_equal_answers(*filled.index, *loaded);
}

// From 10,000 rows on.
TEST_F(CodesOnDisk, AreWantedOnceTheBudgetIsSpent) {
  const auto more = clustered_rows(4 * kRows, kDim, random_);
  rows_.insert(rows_.end(), more.begin(), more.end());
  MemoryBudget budget(5 * kRows * 60);
  const FilledIndex filled = fill(config_of(IndexStructure::kLists, CodeResidency::kAuto), &budget);
  EXPECT_EQ(filled.index->code_residency(), CodeResidency::kMemory);
  EXPECT_EQ(budget.used(), filled.index->memory().total());
  ASSERT_TRUE(filled.index->needs_move());
  const auto moved = filled.index->moved(nullptr, kNeverStop).value();
  ASSERT_TRUE(moved->take_over(*filled.index, nullptr));
  build(*moved);
  EXPECT_EQ(moved->code_residency(), CodeResidency::kDisk);
  EXPECT_FALSE(moved->needs_move());
  EXPECT_EQ(moved->quantizer_name(), filled.index->quantizer_name());
  EXPECT_EQ(moved->structure(), "lists");
  expect_equal_answers(*filled.index, *moved);
  const auto file = directory_.path() / "snapshot";
  ASSERT_TRUE(moved->save(file));
  const auto loaded = VectorIndex::load(file, moved->config(), filled.stored.get(), home(&budget)).value();
  EXPECT_EQ(loaded->code_residency(), CodeResidency::kDisk);
}

TEST_F(CodesOnDisk, AreNotWantedByThoseWhoHaveNoPlaceForThem) {
  const auto config = config_of(IndexStructure::kLists, CodeResidency::kDisk);
  const MemoryFloatVectors stored(kDim);
  EXPECT_EQ(VectorIndex::create(config, &stored).value()->code_residency(), CodeResidency::kMemory);
}

}  // namespace
}  // namespace orthant
