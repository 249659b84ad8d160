// A collection whose codes live on a disk that gets full and has room again: the column of codes meets the end of the disk before
// the store does. A program of its own, as small_disk.h asks.

#include <random>

#include "tests/engine/collection/collection_fixture.h"
#include "tests/support/small_disk.h"
#include "tests/support/temporary_directory.h"

namespace orthant::test {
namespace {

constexpr std::size_t kDim = 512;
// The column of int8 codes takes 4 MiB when it grows past this row.
constexpr std::uint64_t kLastRowThatFits = 8'192;

class FullDiskOfCodes : public testing::Test {
 protected:
  std::vector<float> vector_of(std::uint64_t id) const {
    std::mt19937_64 random(id);
    std::normal_distribution<float> normal;
    std::vector<float> vector(kDim);
    for (float& value : vector) value = normal(random);
    return vector;
  }
  Result<std::vector<std::uint64_t>> put(std::uint64_t first, std::uint64_t count) {
    UpsertOp op;
    for (std::uint64_t id = first; id < first + count; ++id) {
      op.points.push_back({PointId::number(id), {collection_->prepare_floats("", vector_of(id)).value()}, "{}"});
    }
    return write(*collection_, std::move(op));
  }

  void check(std::uint64_t points) {
    EXPECT_EQ(collection_->statistics().points, points);
    EXPECT_EQ(collection_->statistics().indexed_vectors, points);
    for (std::uint64_t id = 0; id < points; id += 501) {
      const VectorValue vector = vector_of(id);
      SearchParams params;
      params.exact = id % 2 == 0;
      const auto answer = collection_->search({.vector_name = "", .vector = &vector, .limit = 1, .params = params}).value();
      ASSERT_EQ(answer.points.size(), 1U);
      EXPECT_EQ(answer.points.front().record.id, PointId::number(id));
    }
  }

  TemporaryDirectory temporary_;
  std::optional<Host> host_;
  std::unique_ptr<Collection> collection_;
};

TEST_F(FullDiskOfCodes, RefusesWritesBeforeTheStoreTakesThemAndTakesThemAgain) {
  if (!mount_small_disk(temporary_.path(), "128m")) GTEST_SKIP() << "needs to mount a small file system, which is not allowed here";
  const UpkeepLimits limits{.snapshot_rows = 1'000'000, .snapshot_growth = 1'000'000};
  // The store would refuse first, which is tested elsewhere.
  constexpr std::uint64_t kKeepFree = 0;
  host_.emplace(temporary_.path() / "data", limits, nullptr, kKeepFree);
  CollectionConfig config = one_vector(kDim, Metric::kCosine);
  config.vectors[""].index.binary_codes = BinaryCodes::kSign;
  config.vectors[""].index.code_residency = CodeResidency::kDisk;
  collection_ = host_->create("c", config);
  std::uint64_t points = 0;
  for (; points < kLastRowThatFits - 92; points += 100) ASSERT_TRUE(put(points, 100));
  const std::filesystem::path ballast = temporary_.path() / "ballast";
  const auto free_megabytes = static_cast<int>(std::filesystem::space(temporary_.path()).available >> 20);
  write_ballast(ballast, free_megabytes - 3);
  const auto refused = put(points, 100);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kIoError);
  EXPECT_NE(refused.error().message.find("index column"), std::string::npos) << refused.error().message;
  check(points);
  // What still finds room is taken.
  ASSERT_TRUE(put(points, 1));
  check(++points);
  std::filesystem::remove(ballast);
  for (int i = 0; i < 5; ++i, points += 100) ASSERT_TRUE(put(points, 100));
  check(points);
  collection_.reset();
  host_.reset();
  host_.emplace(temporary_.path() / "data", limits, nullptr, kKeepFree);
  collection_ = host_->open("c").value();
  EXPECT_EQ(collection_->statistics().indexes.at("").codes, CodeResidency::kDisk);
  check(points);
}

}  // namespace
}  // namespace orthant::test
