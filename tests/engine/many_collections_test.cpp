// Two thousand collections of three points: they must cost little memory and open in seconds.

#include <fstream>
#include <iostream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/engine/engine_fixture.h"

namespace orthant::test {
namespace {

constexpr int kCollections = 2000;

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  file >> total >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

TEST(ManyCollections, AreCheapToHoldAndOpenInSeconds) {
  TemporaryDirectory directory;
  {
    auto engine = Engine::open(settings_for(directory.path())).value();
    for (int i = 0; i < kCollections; ++i) {
      const std::string name = "collection-" + std::to_string(i);
      ASSERT_TRUE(create(*engine, name, one_vector(384)).has_value());
      std::vector<PointInput> points;
      for (std::uint64_t id = 0; id < 3; ++id) points.push_back(point(id, std::vector<float>(384, 1.0F + static_cast<float>(id))));
      ASSERT_TRUE(write(*engine, name, upsert(std::move(points)), {.wait = false, .timeout = {}}).has_value());
    }
  }
  const std::size_t before = resident_bytes();
  const auto start = std::chrono::steady_clock::now();
  auto engine = Engine::open(settings_for(directory.path())).value();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const std::size_t bytes = resident_bytes() - std::min(before, resident_bytes());
  std::cout << kCollections << " collections opened in " << seconds.count() << " s, " << bytes / 1024 / kCollections
            << " KiB each\n";
  EXPECT_LT(seconds.count(), 10);
  EXPECT_LT(bytes, std::size_t{300} << 20);
  EXPECT_EQ(engine->collection_names().size(), static_cast<std::size_t>(kCollections));
  EXPECT_EQ(count(*engine, "collection-1999").value(), 3U);
  for (int i = 0; i < kCollections; ++i) ASSERT_EQ(remove(*engine, "collection-" + std::to_string(i)).value(), true);
  EXPECT_TRUE(engine->collection_names().empty());
}

}  // namespace
}  // namespace orthant::test
