// In a program of its own: the small disk is seen only by threads that start after it was mounted, and RocksDB's threads live as
// long as the process.

#include <chrono>
#include <fstream>

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "engine/storage/store.h"
#include "tests/support/temporary_directory.h"

namespace orthant::test {
namespace {

std::unique_ptr<Store> open_store(const std::filesystem::path& path) {
  return Store::open({.path = path, .block_cache_bytes = std::size_t{8} << 20}).value();
}

Status put(Store& store, std::string_view key, std::string_view value) {
  StoreBatch batch(store);
  batch.put(Family::kVectors, key, value);
  return store.write(batch);
}

// A file system of its own for this thread and those that it starts; false where that is not allowed.
bool mount_small_disk(const std::filesystem::path& path) {
  const uid_t user = getuid();
  if (user != 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";
  } else if (unshare(CLONE_NEWNS) != 0) {
    return false;
  }
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  return mount("tmpfs", path.c_str(), "tmpfs", 0, "size=48m") == 0;
}

TEST(Store, RefusesWritesWhileTheDiskIsFullAndTakesThemAgainAfterwards) {
  TemporaryDirectory temporary;
  if (!mount_small_disk(temporary.path())) GTEST_SKIP() << "needs to mount a small file system, which is not allowed here";
  const std::filesystem::path ballast = temporary.path() / "ballast";
  {
    std::ofstream file(ballast);
    const std::string megabyte(std::size_t{1} << 20, 'b');
    for (int i = 0; i < 24; ++i) file << megabyte;
  }
  const std::string value(100'000, 'v');
  int written = 0;
  {
    auto store = open_store(temporary.path() / "store");
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
  auto store = open_store(temporary.path() / "store");
  for (int i = 0; i < written; ++i) {
    ASSERT_EQ(store->get(Family::kVectors, "key" + std::to_string(i)).value(), value) << i;
  }
  EXPECT_EQ(store->get(Family::kVectors, "refused").value(), std::nullopt);
}

}  // namespace
}  // namespace orthant::test
