// A collection on a disk that gets full and has room again.

#include <chrono>
#include <map>

#include "tests/engine/collection/collection_fixture.h"
#include "tests/support/small_disk.h"
#include "tests/support/temporary_directory.h"

namespace orthant::test {
namespace {

constexpr std::size_t kDim = 512;
constexpr std::uint64_t kIds = 500;

class FullDisk : public testing::Test {
 protected:
  // Point `number % kIds` gets the payload {"n":number} and a vector that leads to it.
  Result<std::vector<std::uint64_t>> put(std::uint64_t number) {
    std::vector<float> vector(kDim);
    vector[number % kIds] = 1;
    UpsertOp op;
    op.points.push_back({PointId::number(number % kIds),
                         {collection_->prepare_floats("", vector).value()},
                         "{\"n\":" + std::to_string(number) + ",\"filler\":\"" + std::string(20'000, 'f') + "\"}"});
    auto written = write(*collection_, std::move(op));
    if (written) acknowledged_[number % kIds] = number;
    return written;
  }

  void check() {
    EXPECT_EQ(collection_->statistics().points, acknowledged_.size());
    EXPECT_EQ(collection_->statistics().indexed_vectors, acknowledged_.size());
    for (const auto& [id, number] : acknowledged_) {
      const PointId point = PointId::number(id);
      const auto records = collection_->retrieve({&point, 1}, {.enabled = true}, {}).value();
      ASSERT_EQ(records.size(), 1U);
      EXPECT_TRUE(records.front().payload->starts_with("{\"n\":" + std::to_string(number) + ",")) << id;
      std::vector<float> vector(kDim);
      vector[id] = 1;
      const VectorValue wanted = vector;
      const auto answer = collection_->search({.vector_name = "", .vector = &wanted, .limit = 1}).value();
      ASSERT_EQ(answer.points.size(), 1U);
      EXPECT_EQ(answer.points.front().record.id, point);
    }
  }

  TemporaryDirectory temporary_;
  std::optional<Host> host_;
  std::unique_ptr<Collection> collection_;
  std::map<std::uint64_t, std::uint64_t> acknowledged_;  // id -> number of the last acknowledged write
};

TEST_F(FullDisk, RefusesWritesGoesOnReadingAndRecovers) {
  if (!mount_small_disk(temporary_.path(), "64m")) GTEST_SKIP() << "needs to mount a small file system, which is not allowed here";
  const std::filesystem::path ballast = temporary_.path() / "ballast";
  const UpkeepLimits limits{.snapshot_rows = 100, .snapshot_growth = 200, .reclaim_rows = 300};
  write_ballast(ballast, 32);
  host_.emplace(temporary_.path() / "data", limits);
  collection_ = host_->create("c", one_vector(kDim));
  std::uint64_t number = 0;
  Result<std::vector<std::uint64_t>> written;
  while ((written = put(number))) ASSERT_LT(++number, 10'000U) << "the disk never got full";
  EXPECT_TRUE(written.error().code == ErrorCode::kIoError || written.error().code == ErrorCode::kUnavailable)
      << written.error().message;
  check();
  std::filesystem::remove(ballast);
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!put(number)) {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up);
    usleep(50'000);
  }
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(put(++number).has_value());
  check();
  collection_.reset();
  host_.reset();
  host_.emplace(temporary_.path() / "data", limits);
  collection_ = host_->open("c").value();
  check();
}

}  // namespace
}  // namespace orthant::test
