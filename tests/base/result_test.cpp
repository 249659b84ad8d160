#include "base/result.h"

#include <memory>

#include <gtest/gtest.h>

#include "base/log.h"

namespace orthant {
namespace {

Result<std::unique_ptr<int>> make(int value) {
  if (value < 0) return invalid_argument("negative");
  return std::make_unique<int>(value);
}

Result<int> sum(int left, int right) {
  const int first = *ORTHANT_TRY(make(left));
  return first + *ORTHANT_TRY(make(right));
}

TEST(Result, TryYieldsTheValueOrReturnsTheError) {
  EXPECT_EQ(sum(1, 2), 3);
  for (const auto& failed : {sum(-1, 2), sum(1, -2)}) {
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(failed.error().message, "negative");
  }
}

TEST(Result, ContextKeepsTheCode) {
  const Result<int> failed = with_context("field 'limit'", make(-1).error());
  EXPECT_EQ(failed.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(failed.error().message, "field 'limit': negative");
  EXPECT_EQ(error_code_name(failed.error().code), "invalid_argument");
}

TEST(Log, LevelsAreReadByName) {
  EXPECT_EQ(parse_log_level("debug"), LogLevel::kDebug);
  EXPECT_EQ(parse_log_level("error"), LogLevel::kError);
  const auto unknown = parse_log_level("loud");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(unknown.error().message.find("loud"), std::string::npos);
}

}  // namespace
}  // namespace orthant
