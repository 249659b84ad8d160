// In a program of its own: the small disk is seen only by threads that start after it was mounted, and RocksDB's threads live as
// long as the process.

#include <chrono>

#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/storage/store.h"
#include "tests/support/small_disk.h"
#include "tests/support/temporary_directory.h"

namespace orthant::test {
namespace {

// Kept free: 0 leaves it to the disk to refuse.
std::unique_ptr<Store> open_store(const std::filesystem::path& path, std::uint64_t keep_free_bytes) {
  return Store::open({.path = path, .block_cache_bytes = std::size_t{8} << 20, .keep_free_bytes = keep_free_bytes}).value();
}

Status put(Store& store, std::string_view key, std::string_view value) {
  StoreBatch batch(store);
  batch.put(Family::kVectors, key, value);
  return store.write(batch);
}

class StoreOnASmallDisk : public testing::TestWithParam<std::uint64_t> {};

TEST_P(StoreOnASmallDisk, RefusesWritesWhileItIsFullAndTakesThemAgainAfterwards) {
  TemporaryDirectory temporary;
  if (!mount_small_disk(temporary.path(), "48m")) GTEST_SKIP() << "needs to mount a small file system, which is not allowed here";
  const std::filesystem::path ballast = temporary.path() / "ballast";
  write_ballast(ballast, 24);
  const std::string value(100'000, 'v');
  int written = 0;
  {
    auto store = open_store(temporary.path() / "store", GetParam());
    Status status;
    while ((status = put(*store, "key" + std::to_string(written), value))) {
      ASSERT_LT(++written, 1000) << "the disk never got full";
    }
    EXPECT_TRUE(status.error().code == ErrorCode::kIoError || status.error().code == ErrorCode::kUnavailable)
        << status.error().message;
    EXPECT_NE(status.error().message.find("disk is full"), std::string::npos) << status.error().message;
    EXPECT_TRUE(store->write_fault().has_value());
    // Reads go on, and nothing of what was acknowledged is gone.
    for (int i = 0; i < written; ++i) {
      ASSERT_EQ(store->get(Family::kVectors, "key" + std::to_string(i)).value(), value) << i;
    }
    EXPECT_FALSE(put(*store, "refused", value).has_value());
    std::filesystem::remove(ballast);
    // By itself, within a few seconds.
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!(status = put(*store, "key" + std::to_string(written), value))) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up) << status.error().message;
      usleep(100'000);
    }
    ++written;
    EXPECT_FALSE(store->write_fault().has_value());
    ASSERT_TRUE(store->sync().has_value());
  }
  auto store = open_store(temporary.path() / "store", GetParam());
  for (int i = 0; i < written; ++i) {
    ASSERT_EQ(store->get(Family::kVectors, "key" + std::to_string(i)).value(), value) << i;
  }
  EXPECT_EQ(store->get(Family::kVectors, "refused").value(), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(KeepsFree, StoreOnASmallDisk, testing::Values(std::uint64_t{0}, std::uint64_t{8} << 20));

TEST(StoreOnANearlyFullDisk, RefusesBeforeTheDiskDoesAndTakesRemovals) {
  TemporaryDirectory temporary;
  if (!mount_small_disk(temporary.path(), "48m")) GTEST_SKIP() << "needs to mount a small file system, which is not allowed here";
  auto store = open_store(temporary.path() / "store", std::uint64_t{8} << 20);
  const std::string value(100'000, 'v');
  ASSERT_TRUE(put(*store, "kept", value).has_value());
  write_ballast(temporary.path() / "ballast", static_cast<int>(std::filesystem::space(temporary.path()).available >> 20) - 4);
  const Status refused = put(*store, "refused", value);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("disk is full"), std::string::npos) << refused.error().message;
  EXPECT_GT(std::filesystem::space(temporary.path()).available, std::uint64_t{2} << 20);
  StoreBatch removal(*store);
  removal.remove_range(Family::kVectors, {.begin = "kept", .end = "kepu"});
  EXPECT_TRUE(store->write(removal).has_value());
  EXPECT_EQ(store->get(Family::kVectors, "kept").value(), std::nullopt);
}

}  // namespace
}  // namespace orthant::test
