#include "base/parse_number.h"

#include <cstdint>

#include <gtest/gtest.h>

namespace orthant {
namespace {

TEST(ParseNumber, TakesTheWholeTextOnly) {
  EXPECT_EQ(parse_number<std::uint64_t>("18446744073709551615"), ~std::uint64_t{0});
  EXPECT_EQ(parse_number<std::int32_t>("-7"), -7);
  EXPECT_EQ(parse_number<std::uint32_t>("007"), 7);
  EXPECT_EQ(parse_number<double>("2.5e1"), 25);
  for (const std::string_view text : {"", " 1", "1 ", "+1", "1.", "1x", "x", "0x1"}) {
    EXPECT_FALSE(parse_number<std::int64_t>(text)) << text;
  }
}

TEST(ParseNumber, RefusesWhatTheTypeDoesNotHold) {
  EXPECT_FALSE(parse_number<std::uint64_t>("18446744073709551616"));
  EXPECT_FALSE(parse_number<std::uint32_t>("-1"));
  EXPECT_FALSE(parse_number<std::uint8_t>("256"));
}

}  // namespace
}  // namespace orthant
