#include "api/http/message.h"

#include <gtest/gtest.h>

#include "tests/api/http/run_awaitable.h"

namespace orthant {
namespace {

using test::run_awaitable;
using test::StringBody;

TEST(Message, SplitsATargetIntoDecodedPartsAndParameters) {
  Request request;
  ASSERT_TRUE(parse_target("/collections/a%2Fb%20c/points/?wait=true&name=x+y%26z&flag", request));
  EXPECT_EQ(request.path, "/collections/a%2Fb%20c/points");
  EXPECT_EQ(request.segments, (std::vector<std::string>{"collections", "a/b c", "points"}));
  EXPECT_EQ(request.query.find("wait"), "true");
  EXPECT_EQ(request.query.find("name"), "x y&z");
  EXPECT_EQ(request.query.find("flag"), "");
  EXPECT_EQ(request.query.find("absent"), std::nullopt);
}

TEST(Message, TakesSeveralSlashesAtTheBeginningForOne) {
  Request request;
  ASSERT_TRUE(parse_target("//collections/a/points/", request));
  EXPECT_EQ(request.segments, (std::vector<std::string>{"collections", "a", "points"}));
  Request without_name;
  ASSERT_TRUE(parse_target("/collections//exists", without_name));
  EXPECT_EQ(without_name.segments, (std::vector<std::string>{"collections", "", "exists"}));
}

TEST(Message, RefusesBrokenTargets) {
  for (const char* target : {"collections", "*", "http://x/y", "/a%2", "/a%zz", "/a%00b", "/a?b=%g0"}) {
    Request request;
    EXPECT_FALSE(parse_target(target, request)) << target;
  }
}

TEST(Message, FindsHeadersInAnyCase) {
  Headers headers;
  headers.add("Content-Type", "application/json");
  EXPECT_EQ(headers.find("content-type"), "application/json");
  EXPECT_EQ(headers.find("content"), "");
}

TEST(Message, ReadsABodyInPiecesUpToTheLimit) {
  const std::string text(300'000, 'x');
  StringBody fits(text, 1000);
  EXPECT_EQ(run_awaitable(read_whole_body(fits, 300'000)).value(), text);
  StringBody too_large(text, 1000);
  const auto refused = run_awaitable(read_whole_body(too_large, 299'999));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
}

TEST(Message, GivesUpASlowBody) {
  StringBody body("abc", 1);
  const auto refused = run_awaitable(read_whole_body(body, 100, std::chrono::milliseconds(-10)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace orthant
