#include "engine/payload/sorted_column.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace orthant::test {
namespace {

using Pair = SortedColumn::Pair;

TEST(SortedColumn, AgreesWithASetUnderAdditionsAndRemovals) {
  std::mt19937_64 random(random_seed());
  for (const unsigned key_bits : {1U, 9U, 40U, 64U}) {
    SortedColumn column;
    std::set<Pair> model;
    const auto random_key = [&] { return random() >> (64 - key_bits); };
    for (int step = 0; step < 300; ++step) {
      std::vector<Pair> pairs;
      for (std::size_t i = 0, count = random() % 200; i < count; ++i) {
        pairs.push_back({random_key(), static_cast<std::uint32_t>(random() % 5000)});
      }
      model.insert(pairs.begin(), pairs.end());
      column.add(pairs);
      for (int i = 0; i < 40 && !model.empty(); ++i) {
        const auto near = model.lower_bound({random_key(), static_cast<std::uint32_t>(random() % 5000)});
        if (near == model.end()) continue;
        column.remove(*near);
        model.erase(near);
      }
      column.remove({random_key(), 6000});
      ASSERT_EQ(column.count(), model.size());
      const std::uint64_t first = random_key();
      const std::uint64_t last = step % 3 == 0 ? ~std::uint64_t{0} : random_key();
      std::vector<Pair> expected;
      for (auto at = model.lower_bound({first, 0}); at != model.end() && at->key <= last; ++at) expected.push_back(*at);
      std::vector<Pair> found;
      column.visit_range(first, last, [&](std::uint64_t key, std::uint32_t ordinal) { found.push_back({key, ordinal}); });
      if (first > last) expected.clear();
      ASSERT_EQ(found, expected);
      ASSERT_EQ(column.count_range(first, last), expected.size());
      for (const bool descending : {false, true}) {
        const std::size_t limit = random() % 50;
        std::vector<Pair> wanted = expected;
        if (descending) std::ranges::reverse(wanted);
        if (wanted.size() > limit) wanted.resize(limit);
        found.clear();
        column.visit_ordered(first, last, descending, [&](std::uint64_t key, std::uint32_t ordinal) {
          if (found.size() < limit) found.push_back({key, ordinal});
          return found.size() < limit;
        });
        ASSERT_EQ(found, wanted);
      }
    }
  }
}

TEST(SortedColumn, KeysHaveTheOrderOfTheirValues) {
  const double doubles[] = {-INFINITY, -1e300, -2, -1e-310, 0, 1e-310, 1, 2, 1e300, INFINITY};
  for (std::size_t i = 1; i < std::size(doubles); ++i) {
    EXPECT_LT(SortedColumn::key_of(doubles[i - 1]), SortedColumn::key_of(doubles[i]));
  }
  for (const double value : doubles) EXPECT_EQ(SortedColumn::float_of_key(SortedColumn::key_of(value)), value);
  EXPECT_EQ(SortedColumn::key_of(-0.0), SortedColumn::key_of(0.0));
  const std::int64_t integers[] = {std::numeric_limits<std::int64_t>::min(), -1, 0, 1, std::numeric_limits<std::int64_t>::max()};
  for (std::size_t i = 1; i < std::size(integers); ++i) {
    EXPECT_LT(SortedColumn::key_of(integers[i - 1]), SortedColumn::key_of(integers[i]));
  }
  for (const std::int64_t value : integers) EXPECT_EQ(SortedColumn::integer_of_key(SortedColumn::key_of(value)), value);
}

}  // namespace
}  // namespace orthant::test
