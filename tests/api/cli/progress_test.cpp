#include "api/cli/progress.h"

#include <gtest/gtest.h>

namespace orthant {
namespace {

TEST(Progress, WritesTimesAndNumbersForPeople) {
  EXPECT_EQ(format_duration(0.4), "0:00");
  EXPECT_EQ(format_duration(65), "1:05");
  EXPECT_EQ(format_duration(7207), "2:00:07");
  EXPECT_EQ(format_duration(-1), "-");
  EXPECT_EQ(format_duration(1e18), "-");
  EXPECT_EQ(group_digits(0), "0");
  EXPECT_EQ(group_digits(999), "999");
  EXPECT_EQ(group_digits(1234567), "1,234,567");
}

TEST(Progress, ShowsBarRateAndTimeLeft) {
  EXPECT_EQ(Progress::line("corpus.jsonl", "documents", 1500, 0.5, 250, 6),
            "corpus.jsonl [############............]  50 %  1,500 documents  250/s  0:06 left");
  EXPECT_EQ(Progress::line("x", "texts", 0, 7, 0, -1), "x [########################] 100 %  0 texts  0/s  - left");
}

}  // namespace
}  // namespace orthant
