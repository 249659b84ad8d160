// A restore that meets a full disk: the collection stays, the next attempt succeeds.

#include <chrono>

#include <gtest/gtest.h>

#include "tests/engine/engine_fixture.h"
#include "tests/support/small_disk.h"

namespace orthant {
namespace {

constexpr std::size_t kDim = 8;
constexpr std::uint64_t kPoints = 3000;

Status restore(Engine& engine, const std::filesystem::path& file) {
  return test::wait_for<void>(
      [&](Done<void> done) { engine.restore_snapshot({.scope = {.collection = "c"}, .file = file}, std::move(done)); });
}

void put(Engine& engine, std::uint64_t first, std::uint64_t count, const std::string& payload) {
  for (std::uint64_t begin = first; begin < first + count; begin += 100) {
    std::vector<PointInput> points;
    for (std::uint64_t id = begin; id < std::min(begin + 100, first + count); ++id) {
      points.push_back(test::point(id, std::vector<float>(kDim, 1), payload));
    }
    ASSERT_TRUE(test::write(engine, "c", test::upsert(std::move(points))).has_value());
  }
}

TEST(SnapshotOnAFullDisk, LeavesTheCollectionAndRestoresLater) {
  const test::TemporaryDirectory elsewhere;
  const test::TemporaryDirectory disk;
  if (!test::mount_small_disk(disk.path(), "160m")) GTEST_SKIP() << "needs to mount a small file system, which is not allowed here";
  Settings settings = test::settings_for(disk.path() / "data");
  settings.snapshots_dir = elsewhere.path();
  const std::unique_ptr<Engine> engine = Engine::open(settings).value();
  ASSERT_TRUE(test::create(*engine, "c", test::one_vector(kDim)).has_value());
  std::string filler;
  for (std::size_t i = 0; i < 8'000; ++i) filler.push_back(static_cast<char>('!' + (i * i * 7919 + i * 31) % 90));
  std::erase_if(filler, [](char c) { return c == '"' || c == '\\'; });
  put(*engine, 0, kPoints, "{\"filler\":\"" + filler + "\"}");
  const SnapshotInfo info = test::wait_for<SnapshotInfo>([&](Done<SnapshotInfo> done) {
                              engine->create_snapshot({.collection = "c"}, std::move(done));
                            }).value();
  const std::filesystem::path file = engine->snapshots().find({.collection = "c"}, info.name).value();
  put(*engine, 5000, 10, "{}");
  // The store gives space back when it likes: what it freed since is taken before the next attempt.
  Status refused;
  std::uint64_t before = 0;
  std::vector<std::filesystem::path> ballast;
  for (int attempt = 0; attempt < 20 && refused; ++attempt) {
    before = test::count(*engine, "c").value();
    ballast.push_back(disk.path() / ("ballast" + std::to_string(attempt)));
    test::write_ballast(ballast.back(), static_cast<int>(std::filesystem::space(disk.path()).available >> 20) - 2);
    refused = restore(*engine, file);
  }
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().code == ErrorCode::kIoError || refused.error().code == ErrorCode::kUnavailable)
      << refused.error().message;
  EXPECT_EQ(test::count(*engine, "c").value(), before);
  for (const auto& piece : ballast) std::filesystem::remove(piece);
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!restore(*engine, file)) {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up);
    usleep(100'000);
  }
  EXPECT_EQ(test::count(*engine, "c").value(), kPoints);
}

}  // namespace
}  // namespace orthant
