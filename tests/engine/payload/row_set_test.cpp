#include "engine/payload/row_set.h"

#include <set>

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace orthant::test {
namespace {

TEST(RowSet, AgreesWithASetThroughAllItsForms) {
  std::mt19937_64 random(random_seed());
  for (const std::uint32_t bound : {10U, 3000U, 70'000U, 1'000'000U, 4'000'000'000U}) {
    RowSet rows;
    std::set<std::uint32_t> model;
    for (int step = 0; step < 20'000; ++step) {
      const auto ordinal = static_cast<std::uint32_t>(random() % bound);
      if (random() % 4 == 0) {
        rows.remove(ordinal);
        model.erase(ordinal);
      } else {
        rows.add(ordinal);
        model.insert(ordinal);
      }
      if (step % 1000 != 0 && step > 200) continue;
      ASSERT_EQ(rows.count(), model.size());
      ASSERT_EQ(rows.contains(ordinal), model.contains(ordinal));
      const std::size_t size = random() % (bound < 1'000'000'000 ? bound : 2'000'000);
      Bitmap bits(size);
      rows.add_to(bits);
      std::size_t within = 0;
      for (const std::uint32_t row : model) {
        if (row >= size) break;
        ++within;
        ASSERT_TRUE(bits.test(row));
      }
      ASSERT_EQ(bits.count(), within);
      ASSERT_EQ(rows.count_in(bits), within);
      Bitmap all(size, true);
      rows.remove_from(all);
      ASSERT_EQ(all.count(), size - within);
    }
  }
}

TEST(RowSet, RunsBecomeWholeWords) {
  RowSet rows;
  for (std::uint32_t i = 100; i < 300'000; ++i) rows.add(i);
  Bitmap bits(200'001);
  rows.add_to(bits);
  EXPECT_EQ(bits.count(), 200'001U - 100);
  EXPECT_FALSE(bits.test(99));
  EXPECT_TRUE(bits.test(200'000));
}

TEST(RowSet, FewRowsCostNothingBesideTheObject) {
  RowSet rows;
  rows.add(7);
  rows.add(1'000'000);
  EXPECT_EQ(rows.memory_bytes(), 0U);
  rows.add(8);
  EXPECT_LE(rows.memory_bytes(), 16U);
}

}  // namespace
}  // namespace orthant::test
