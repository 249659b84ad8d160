#include "api/quality/requests.h"

#include <gtest/gtest.h>

namespace orthant::quality {
namespace {

Result<CollectionQualityRequest> parse(std::string text) {
  const auto document = JsonDocument::parse(std::move(text));
  return parse_body(document.value().root());
}

std::string error_of(std::string text) {
  const auto parsed = parse(std::move(text));
  return parsed ? "no error" : parsed.error().message;
}

Result<CollectionQualityRequest> parse_query_string(std::string_view target) {
  Request request;
  EXPECT_TRUE(parse_target(target, request));
  return parse_parameters(request);
}

TEST(QualityRequests, ReadsJudgedQueriesAndLeavesOutTheOthers) {
  const auto parsed = parse(R"({"vector": "v", "samples": 20, "refresh": true,
    "queries": [{"id": "a", "text": "what?", "model": "m"}, {"id": "unjudged", "text": "x"}, {"id": 7, "vector": [1, 2]}],
    "judgements": {"a": {"3": 1, "936da01f-9abd-4d9d-80c7-02af85c822a8": -1}, "7": {"4": 2}}})");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->vector_name, "v");
  EXPECT_EQ(parsed->sampled_rows, 20U);
  EXPECT_TRUE(parsed->refresh);
  ASSERT_EQ(parsed->judged.size(), 2U);
  EXPECT_EQ(std::get<TextInput>(parsed->judged[0].query).text, "what?");
  EXPECT_EQ(std::get<TextInput>(parsed->judged[0].query).model, "m");
  ASSERT_EQ(parsed->judged[0].judgements.size(), 2U);
  EXPECT_EQ(parsed->judged[0].judgements[0], std::make_pair(PointId::number(3), 1));
  EXPECT_TRUE(parsed->judged[0].judgements[1].first.is_uuid());
  EXPECT_EQ(std::get<std::vector<float>>(parsed->judged[1].query), (std::vector<float>{1, 2}));
}

TEST(QualityRequests, NamesWhatIsWrong) {
  EXPECT_TRUE(error_of(R"({"queries": [], "judgements": {}, "sample": 3})").contains("unknown field `sample`"));
  EXPECT_TRUE(error_of(R"({"judgements": {}})").contains("missing field `queries`"));
  EXPECT_TRUE(error_of(R"({"queries": [{"id": 1, "text": "x"}], "judgements": {}})").contains("no query is judged"));
  EXPECT_TRUE(
      error_of(R"({"queries": [{"id": 1, "text": "x"}], "judgements": {"2": {"1": 1}}})").contains("`2` is the id of no query"));
  EXPECT_TRUE(error_of(R"({"queries": [{"id": 1}], "judgements": {}})").contains("expected one of `text` and `vector`"));
  EXPECT_TRUE(
      error_of(R"({"queries": [{"id": 1, "text": "x", "weight": 2}], "judgements": {}})").contains("queries[0]: unknown field"));
  EXPECT_TRUE(
      error_of(R"({"queries": [{"id": 1, "text": "x"}, {"id": "1", "text": "y"}], "judgements": {}})").contains("there twice"));
  EXPECT_TRUE(
      error_of(R"({"queries": [{"id": 1, "text": "x"}], "judgements": {"1": {"name": 1}}})").contains("`name` is not a point id"));
  EXPECT_TRUE(error_of(R"({"queries": [{"id": 1, "text": "x"}], "judgements": {"1": {"1": 0.5}}})").contains("judgements"));
  EXPECT_TRUE(
      error_of(R"({"queries": [], "judgements": {}, "samples": 7})").contains("samples: value 7 invalid, must be from 8 to 1000"));
}

TEST(QualityRequests, ReadsParametersOfTheAddress) {
  const auto plain = parse_query_string("/collections/c/quality");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->sampled_rows, 0U);
  EXPECT_FALSE(plain->refresh);
  const auto given = parse_query_string("/collections/c/quality?vector=a%20b&samples=50&refresh=true");
  ASSERT_TRUE(given);
  EXPECT_EQ(given->vector_name, "a b");
  EXPECT_EQ(given->sampled_rows, 50U);
  EXPECT_TRUE(given->refresh);
  for (const char* bad : {"?samples=few", "?samples=7", "?samples=1001", "?refresh=1", "?samples="}) {
    EXPECT_FALSE(parse_query_string(std::string("/collections/c/quality") + bad)) << bad;
  }
}

TEST(QualityRequests, KnowsThreeFormats) {
  const auto format = [](std::string_view target) {
    Request request;
    EXPECT_TRUE(parse_target(target, request));
    return parse_format(request);
  };
  EXPECT_EQ(format("/q").value(), QualityFormat::kJson);
  EXPECT_EQ(format("/q?format=csv").value(), QualityFormat::kCsv);
  EXPECT_EQ(format("/q?format=svg").value(), QualityFormat::kSvg);
  EXPECT_TRUE(format("/q?format=png").error().message.contains("expected json, csv or svg"));
}

}  // namespace
}  // namespace orthant::quality
