#include "index/top_k.h"

#include <random>

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace orthant {
namespace {

// Shows the candidates to the collector as a scan does, and gives what it kept, nearest first.
template <typename Collector>
std::vector<Candidate> collect(Collector collector, const std::vector<Candidate>& candidates, std::mt19937_64& random,
                               std::size_t leading = 0) {
  for (std::size_t first = 0; first < candidates.size();) {
    const std::size_t batch = std::min<std::size_t>(1 + random() % 300, candidates.size() - first);
    Candidate* room = collector.room(batch);
    const float bound = collector.bound();
    std::size_t count = 0;
    for (std::size_t i = first; i < first + batch; ++i) {
      if (candidates[i].distance < bound) room[count++] = candidates[i];
    }
    collector.commit(count);
    first += batch;
  }
  std::vector<Candidate> kept = collector.take(leading);
  std::sort(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(std::min(leading, kept.size())), nearer);
  std::sort(kept.begin() + static_cast<std::ptrdiff_t>(std::min(leading, kept.size())), kept.end(), nearer);
  return kept;
}

void expect_nearest(const std::vector<Candidate>& kept, std::vector<Candidate> all, std::size_t depth) {
  std::ranges::sort(all, nearer);
  ASSERT_EQ(kept.size(), std::min(depth, all.size()));
  for (std::size_t i = 0; i < kept.size(); ++i) {
    ASSERT_EQ(kept[i].ordinal, all[i].ordinal);
    ASSERT_EQ(kept[i].distance, all[i].distance);
  }
}

TEST(NearestCollectors, KeepTheNearestAndTheLowerOrdinalsOfTies) {
  std::mt19937_64 random(test::random_seed());
  for (std::size_t count : {0, 1, 10, 1000, 20'000}) {
    for (unsigned values : {1u, 3u, 100u, 5000u}) {
      std::vector<Candidate> candidates;
      for (std::uint32_t i = 0; i < count; ++i) candidates.push_back({static_cast<float>(random() % values), i * 2});
      for (std::size_t depth : {0, 1, 10, 777, 30'000}) {
        expect_nearest(collect(NearestSums(depth, values - 1), candidates, random), candidates, depth);
        expect_nearest(collect(NearestCandidates(depth), candidates, random), candidates, depth);
      }
    }
  }
}

// Leaders and the others are sorted among themselves alone: all are in order only if the nearest lead.
TEST(NearestCollectors, LetTheNearestLead) {
  std::mt19937_64 random(test::random_seed());
  for (unsigned values : {1u, 7u, 4'000u}) {
    std::vector<Candidate> candidates;
    for (std::uint32_t i = 0; i < 9'000; ++i) candidates.push_back({static_cast<float>(random() % values), i});
    for (std::size_t leading : {1, 48, 300, 500}) {
      expect_nearest(collect(NearestSums(300, values - 1), candidates, random, leading), candidates, 300);
      expect_nearest(collect(NearestCandidates(300), candidates, random, leading), candidates, 300);
    }
  }
}

TEST(Candidates, AreDroppedBehindADistance) {
  std::vector<Candidate> candidates = {{9, 0}, {1, 1}, {4, 2}, {2, 3}, {3, 4}, {4, 5}};
  EXPECT_EQ(distance_at_rank(candidates, 3), 3);
  EXPECT_EQ(distance_at_rank(candidates, 7), std::numeric_limits<float>::max());
  drop_farther_than(3, candidates, 1);
  std::vector<std::uint32_t> kept;
  for (const Candidate& candidate : candidates) kept.push_back(candidate.ordinal);
  EXPECT_EQ(kept, (std::vector<std::uint32_t>{0, 1, 3, 4}));
}

// Each candidate is nearer than all before it: the worst order for what is kept meanwhile.
TEST(NearestCollectors, KeepTheNearestOfDescendingDistances) {
  std::mt19937_64 random(test::random_seed());
  std::vector<Candidate> candidates;
  for (std::uint32_t i = 0; i < 60'000; ++i) candidates.push_back({static_cast<float>(60'000 - i), i});
  expect_nearest(collect(NearestSums(100, 60'000), candidates, random), candidates, 100);
  expect_nearest(collect(NearestCandidates(100), candidates, random), candidates, 100);
}

}  // namespace
}  // namespace orthant
