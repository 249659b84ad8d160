// A graph that grows and is repaired beside searches, appended rows and burials. Made for the tsan preset; elsewhere it checks what
// searches may see.

#include <atomic>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/index/candidates/graph_fixture.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

constexpr std::size_t kDim = 16;
constexpr Ordinal kRows = 4'000;

class GraphThreads : public testing::TestWithParam<test::GraphKind> {
 protected:
  void write(std::mt19937_64 random) {
    while (fixture_.tables().row_count() < kRows) {
      fixture_.append(test::clustered_rows(1 + random() % 120, kDim, random));
      fixture_.tables().bury(static_cast<Ordinal>(random() % fixture_.tables().row_count()));
    }
  }
  void build() {
    ThreadPool pool("build", 2, 64);
    for (Ordinal covered = 0; covered < kRows; covered = fixture_.graph().covered_count()) {
      fixture_.extend(&pool);
      if (fixture_.graph().stale_count() > 10) fixture_.repair(&pool);
      std::this_thread::yield();
    }
  }
  void search(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    while (!stop_) {
      const auto query = test::clustered_rows(1, kDim, random);
      const std::size_t covered = fixture_.graph().covered_count();
      // A row that is buried before a search begins never comes back.
      const bool known_buried = fixture_.tables().row_count() > 0 && fixture_.tables().is_buried(0);
      Bitmap allowed(fixture_.tables().row_count());
      for (std::size_t row = 0; row < allowed.size(); row += 1 + random() % 3) allowed.set(row);
      const bool filtered = random() % 2 == 0;
      const auto found = fixture_.candidates(query, 20, 30, filtered ? &allowed : nullptr);
      if (covered > 1'000) {
        ASSERT_FALSE(found.empty());
      }
      std::set<Ordinal> seen;
      for (const Candidate& candidate : found) {
        ASSERT_LT(candidate.ordinal, fixture_.graph().covered_count());
        ASSERT_TRUE(seen.insert(candidate.ordinal).second);
        ASSERT_TRUE(!filtered || allowed.test(candidate.ordinal));
        ASSERT_FALSE(known_buried && candidate.ordinal == 0);
      }
    }
  }

  test::GraphFixture fixture_{kDim, GetParam()};
  std::atomic<bool> stop_ = false;
};

TEST_P(GraphThreads, GrowAndRepairBesideSearchesAndAWriter) {
  const std::uint64_t seed = test::sample_seed();
  std::vector<std::thread> searchers;
  for (std::uint64_t i = 0; i < 2; ++i) searchers.emplace_back([this, seed, i] { search(seed + i); });
  std::thread builder([this] { build(); });
  write(std::mt19937_64(seed));
  builder.join();
  stop_ = true;
  for (std::thread& searcher : searchers) searcher.join();
  std::mt19937_64 random(seed);
  EXPECT_GE(fixture_.mean_recall(test::clustered_rows(20, kDim, random), 400, 400), 0.95);
}

INSTANTIATE_TEST_SUITE_P(Kinds, GraphThreads, testing::ValuesIn(test::kGraphKinds),
                         [](const auto& kind) { return test::name_of(kind.param); });

}  // namespace
}  // namespace orthant
