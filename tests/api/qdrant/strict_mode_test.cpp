#include "api/qdrant/strict_mode.h"

#include <gtest/gtest.h>

namespace orthant::qdrant {
namespace {

using namespace std::chrono_literals;

const RateLimit::Moment kStart = RateLimit::Moment() + 1h;

JsonDocument json(std::string text) {
  return JsonDocument::parse(std::move(text)).value();
}

TEST(RateLimit, GivesAMinutesTokensAtOnceAndThenEvenly) {
  RateLimit limit(6);
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(limit.take("Read", 1, kStart).has_value()) << i;
  const Status refused = limit.take("Read", 1, kStart);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
  EXPECT_TRUE(refused.error().message.starts_with("Read rate limit exceeded, retry later"));
  EXPECT_EQ(retry_after_seconds(refused.error().message), 10U);
  EXPECT_FALSE(limit.take("Read", 1, kStart + 9s).has_value());
  EXPECT_TRUE(limit.take("Read", 1, kStart + 11s).has_value());
  EXPECT_FALSE(limit.take("Read", 1, kStart + 12s).has_value());
  EXPECT_TRUE(limit.take("Read", 6, kStart + 1h).has_value());
}

TEST(RateLimit, TellsOperationsThatNeverFitToBeSplit) {
  RateLimit limit(5);
  const Status refused = limit.take("Write", 6, kStart);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().message,
            "Write rate limit exceeded, request larger than than rate limiter capacity, please try to split your request");
  EXPECT_FALSE(retry_after_seconds(refused.error().message).has_value());
  EXPECT_TRUE(limit.take("Write", 5, kStart).has_value());
  EXPECT_FALSE(retry_after_seconds("no time in it").has_value());
}

TEST(StrictMode, IsOffUnlessEnabled) {
  EXPECT_EQ(StrictMode::make({{"max_query_limit", "1"}}), nullptr);
  EXPECT_EQ(StrictMode::make({{"enabled", "false"}, {"max_query_limit", "1"}}), nullptr);
  EXPECT_NE(StrictMode::make({{"enabled", "true"}}), nullptr);
}

TEST(StrictMode, KeepsWhatIsLeftOfARateThatStaysTheSame) {
  const auto before = StrictMode::make({{"enabled", "true"}, {"read_rate_limit", "1"}});
  EXPECT_TRUE(before->take_read(1, kStart).has_value());
  const auto same = StrictMode::make({{"enabled", "true"}, {"read_rate_limit", "1"}, {"max_timeout", "3"}});
  same->inherit(*before);
  EXPECT_FALSE(same->take_read(1, kStart).has_value());
  const auto other = StrictMode::make({{"enabled", "true"}, {"read_rate_limit", "2"}});
  other->inherit(*before);
  EXPECT_TRUE(other->take_read(1, kStart).has_value());
}

TEST(StrictMode, BoundsSparseAndMultivectorsInEveryFormOfAnUpsert) {
  const auto mode = StrictMode::make(
      {{"enabled", "true"}, {"sparse_config", R"({"s":{"max_length":2}})"}, {"multivector_config", R"({"m":{"max_vectors":1}})"}});
  const auto fault = [&](std::string body) {
    const JsonDocument document = json(std::move(body));
    const Status checked = mode->check_write("upsert", document.root(), {});
    return checked ? std::string() : checked.error().message;
  };
  const std::string sparse = R"({"indices":[1,2,3],"values":[1,2,3]})";
  EXPECT_TRUE(
      fault(R"({"points":[{"id":1,"vector":{"s":)" + sparse + "}}]}").contains("Sparse vector 's' has a limit of 2 indices"));
  EXPECT_TRUE(fault(R"({"batch":{"ids":[1],"vectors":{"s":[)" + sparse + "]}}}").contains("Sparse vector 's'"));
  EXPECT_TRUE(fault(R"({"points":[{"id":1,"vector":{"m":[[1],[2]]}}]})")
                  .contains("Multivector 'm' has a limit of 1 vectors, but 2 were provided!"));
  EXPECT_TRUE(fault(R"({"batch":{"ids":[1],"vectors":{"m":[[[1],[2]]]}}})").contains("but 2 were provided!"));
  EXPECT_EQ(fault(R"({"points":[{"id":1,"vector":{"m":[[1]],"s":{"indices":[1],"values":[1]}}},{"id":2,"vector":[1,2]}]})"), "");
}

TEST(StrictMode, CountsWhatRequestsCost) {
  const FieldSchemas schemas = {{"a", {}}};
  const StrictFacts facts{.points = 10, .vector_bytes = 0, .field_indexes = &schemas};
  const auto cost = [&](std::string_view operation, std::string body) {
    const JsonDocument document = json(std::move(body));
    return StrictMode::write_cost(operation, document.root(), facts);
  };
  EXPECT_EQ(cost("upsert", R"({"points":[{},{},{}]})"), 3);
  EXPECT_EQ(cost("upsert", R"({"batch":{"ids":[1,2]}})"), 2);
  EXPECT_EQ(cost("delete", "[1,2,3,4]"), 4);
  EXPECT_EQ(cost("delete", R"({"filter":{"must":{"key":"a","match":{"value":1}}}})"), 1);
  EXPECT_EQ(cost("delete", R"({"filter":{"must":[{"key":"a","match":{"value":1}},{"key":"b","match":{"value":1}}]}})"), 5);
  const JsonDocument batch = json(R"({"searches":[{},{},{}]})");
  EXPECT_EQ(StrictMode::read_cost(batch.root()), 3);
}

}  // namespace
}  // namespace orthant::qdrant
