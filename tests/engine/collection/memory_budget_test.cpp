// Collections that outgrow the memory of the process: their codes go to disk while points come and go.

#include <chrono>
#include <map>
#include <random>
#include <thread>

#include "tests/engine/collection/collection_fixture.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant::test {
namespace {

constexpr std::size_t kDim = 32;
// Codes of fewer rows stay where they are.
constexpr std::uint64_t kPoints = 11'000;
constexpr std::uint64_t kBatch = 1'000;

class OutgrownMemory : public testing::Test {
 protected:
  OutgrownMemory() : random_(random_seed()) {}

  void open(bool create, std::size_t budget_bytes = 200'000) {
    collection_.reset();
    host_.reset();
    budget_ = std::make_unique<MemoryBudget>(budget_bytes);
    host_.emplace(directory_.path(), UpkeepLimits{.snapshot_rows = 100, .snapshot_growth = 50'000, .reclaim_rows = 1'000'000},
                  budget_.get());
    CollectionConfig config = one_vector(kDim);
    config.vectors[""].index.exact_below_bytes = 0;
    config.vectors[""].index.structure = IndexStructure::kLists;
    collection_ = create ? host_->create("c", config) : host_->open("c").value();
  }

  void put(std::uint64_t first, std::uint64_t count) {
    std::normal_distribution<float> normal;
    UpsertOp op;
    for (std::uint64_t id = first; id < first + count; ++id) {
      std::vector<float> vector(kDim);
      for (float& value : vector) value = normal(random_);
      op.points.push_back({PointId::number(id), {collection_->prepare_floats("", vector).value()}, "{}"});
      model_[id] = std::move(vector);
    }
    ASSERT_TRUE(write(*collection_, std::move(op), false));
  }
  void remove(std::uint64_t id) {
    ASSERT_TRUE(write(*collection_, DeletePointsOp{std::vector{PointId::number(id)}}, false));
    model_.erase(id);
  }

  CodeResidency codes() const { return collection_->statistics().indexes.at("").codes; }

  // Each asked for finds itself first, what was removed is not found.
  void check() {
    ASSERT_EQ(collection_->statistics().points, model_.size());
    EXPECT_EQ(collection_->statistics().indexed_vectors, model_.size());
    std::uint64_t step = 0;
    for (const auto& [id, vector] : model_) {
      if (++step % 97 != 0) continue;
      SearchParams params;
      params.exact = step % 2 == 0;
      params.effort = 1'000'000;
      const VectorValue wanted = vector;
      const auto answer = collection_->search({.vector_name = "", .vector = &wanted, .limit = 3, .params = params}).value();
      float best = -1e9f;
      for (const ScoredPoint& point : answer.points) {
        best = std::max(best, point.score);
        EXPECT_TRUE(model_.contains(point.record.id.as_number()));
      }
      float own = 0;
      for (float value : vector) own += value * value;
      EXPECT_GE(best, own * 0.999f);
    }
  }

  std::mt19937_64 random_;
  TemporaryDirectory directory_;
  std::unique_ptr<MemoryBudget> budget_;
  std::optional<Host> host_;
  std::unique_ptr<Collection> collection_;
  std::map<std::uint64_t, std::vector<float>> model_;
};

TEST_F(OutgrownMemory, CodesGoToDiskWhilePointsComeAndGoAndNothingIsLost) {
  open(true);
  for (std::uint64_t first = 0; first < kPoints; first += kBatch) put(first, kBatch);
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  for (std::uint64_t id = kPoints; codes() != CodeResidency::kDisk; ++id) {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up);
    put(id, 1);
    remove(id - kPoints);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  check();
  const IndexStatistics index = collection_->statistics().indexes.at("");
  EXPECT_EQ(index.structure, "lists");
  EXPECT_GT(index.memory.disk_bytes, 0U);
  ASSERT_TRUE(collection_->save_snapshots());
  put(500'000, 100);
  open(false);
  EXPECT_EQ(codes(), CodeResidency::kDisk);
  check();
  // Without its snapshot the index is made anew from the store.
  const auto index_path = host_->directory().index_path();
  collection_.reset();
  host_.reset();
  for (const auto& file : std::filesystem::directory_iterator(index_path)) std::filesystem::remove(file.path());
  open(false);
  EXPECT_EQ(codes(), CodeResidency::kDisk);
  check();
}

TEST_F(OutgrownMemory, CodesComeBackWhereThereIsRoomAgain) {
  open(true, 0);
  for (std::uint64_t first = 0; first < kPoints; first += kBatch) put(first, kBatch);
  open(false, 0);
  EXPECT_EQ(codes(), CodeResidency::kDisk);
  check();
  open(false, std::size_t{1} << 30);
  EXPECT_EQ(codes(), CodeResidency::kMemory);
  check();
}

}  // namespace
}  // namespace orthant::test
