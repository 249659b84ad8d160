#include "engine/payload/filter_evaluator.h"

#include <set>

#include <gtest/gtest.h>

#include "api/json/json_reader.h"
#include "api/qdrant/parse_filter.h"

namespace orthant {
namespace {

Filter filter_of(const std::string& text) {
  const JsonDocument document = std::move(JsonDocument::parse(text).value());
  return qdrant::parse_filter(document.root()).value();
}

bool matches(const std::string& filter, std::string_view payload, const PointId& id = PointId::number(1)) {
  const FilterEvaluator evaluator = FilterEvaluator::compile(filter_of(filter)).value();
  return evaluator.matches(id, payload, [](std::string_view name) { return name == "present"; });
}

TEST(FilterEvaluator, LooksAtPayloadsAsTheyWereWritten) {
  EXPECT_TRUE(matches(R"({"must":{"key":"a","match":{"value":"x\"y"}}})", R"({ "\u0061" : "x\u0022y" })"));
  EXPECT_TRUE(matches(R"({"must":{"key":"n","range":{"gte":1e308}}})", R"({"n":1e400})"));
  EXPECT_TRUE(matches(R"({"must":{"key":"n","range":{"gt":1.8e19}}})", R"({"n":18446744073709551616})"));
  EXPECT_FALSE(matches(R"({"must":{"key":"n","match":{"value":1}}})", R"({"n":18446744073709551617})"));
  EXPECT_FALSE(matches(R"({"must":{"key":"n","match":{"value":1}}})", R"({"n":1.0})"));
}

TEST(FilterEvaluator, TakesTheLastOfEqualKeys) {
  EXPECT_TRUE(matches(R"({"must":{"key":"a","match":{"value":2}}})", R"({"a":1,"a":2})"));
  EXPECT_FALSE(matches(R"({"must":{"key":"a","match":{"value":1}}})", R"({"a":1,"a":2})"));
  EXPECT_TRUE(matches(R"({"must":{"key":"a.b","match":{"value":2}}})", R"({"a":{"b":1,"b":2}})"));
}

TEST(FilterEvaluator, TakesBrokenOrMissingPayloadsAsEmpty) {
  for (const char* payload : {"", "{", "[]", "{\"a\":", "nonsense"}) {
    EXPECT_TRUE(matches(R"({"must":{"is_empty":{"key":"a"}}})", payload)) << payload;
    EXPECT_FALSE(matches(R"({"must":{"key":"a","match":{"value":1}}})", payload)) << payload;
  }
}

TEST(FilterEvaluator, AsksForIdsAndVectors) {
  EXPECT_TRUE(matches(R"({"must":[{"has_id":[1,2]},{"has_vector":"present"}]})", ""));
  EXPECT_FALSE(matches(R"({"must":[{"has_id":[3]}]})", ""));
  EXPECT_FALSE(matches(R"({"must":[{"has_vector":"absent"}]})", ""));
  EXPECT_TRUE(matches(R"({"must":[{"has_id":["00000000-0000-0000-0000-00000000000A"]}]})", "",
                      PointId::parse_uuid("0000000000000000000000000000000a").value()));
}

TEST(FilterEvaluator, TakesSeveralTestsOfOneFieldAsAlternatives) {
  const std::string filter = R"({"must":{"key":"a","match":{"value":"x"},"range":{"gte":5}}})";
  EXPECT_TRUE(matches(filter, R"({"a":"x"})"));
  EXPECT_TRUE(matches(filter, R"({"a":6})"));
  EXPECT_FALSE(matches(filter, R"({"a":4})"));
}

TEST(FilterEvaluator, HandlesMoreKeysThanItsInlineSlots) {
  std::string filter = R"({"must":[)";
  std::string payload = "{";
  for (int i = 0; i < 20; ++i) {
    const std::string key = "k" + std::to_string(i);
    filter += (i == 0 ? "" : ",") + ("{\"key\":\"" + key) + "\",\"match\":{\"value\":" + std::to_string(i) + "}}";
    payload += (i == 0 ? "\"" : ",\"") + key + "\":" + std::to_string(i);
  }
  EXPECT_TRUE(matches(filter + "]}", payload + "}"));
  EXPECT_FALSE(matches(filter + "]}", payload + ",\"k7\":8}"));
}

TEST(FilterEvaluator, NamesTheKeyThatIsNoPath) {
  Filter filter;
  filter.must.push_back(FieldCondition{"a[", MatchValue{std::int64_t{1}}});
  const auto evaluator = FilterEvaluator::compile(filter);
  ASSERT_FALSE(evaluator);
  EXPECT_EQ(evaluator.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(evaluator.error().message.find("'a['"), std::string::npos);
}

TEST(NeedsPayload, IsFalseOnlyForIdsAndVectors) {
  EXPECT_FALSE(needs_payload(filter_of("{}")));
  EXPECT_FALSE(needs_payload(filter_of(R"({"must":{"has_id":[1]},"should":[{"must_not":{"has_vector":"v"}}]})")));
  EXPECT_TRUE(needs_payload(filter_of(R"({"must_not":{"is_empty":{"key":"a"}}})")));
  EXPECT_TRUE(
      needs_payload(filter_of(R"({"min_should":{"conditions":[{"must":{"nested":{"key":"a","filter":{}}}}],"min_count":1}})")));
}

TEST(OnlyPossibleIds, ComeFromMustAlone) {
  const auto numbers = [](std::initializer_list<std::uint64_t> values) {
    std::vector<PointId> ids;
    for (const std::uint64_t value : values) ids.push_back(PointId::number(value));
    return ids;
  };
  EXPECT_EQ(only_possible_ids(filter_of(R"({"must":[{"has_id":[9,3]},{"key":"a","match":{"value":1}}]})")), numbers({3, 9}));
  EXPECT_EQ(only_possible_ids(filter_of(R"({"must":[{"has_id":[9,3]},{"must":{"has_id":[3]}}]})")), numbers({3}));
  EXPECT_EQ(only_possible_ids(filter_of(R"({"must":{"has_id":[]}})")), numbers({}));
  EXPECT_EQ(only_possible_ids(filter_of(R"({"should":{"has_id":[1]}})")), std::nullopt);
  EXPECT_EQ(only_possible_ids(filter_of(R"({"must_not":{"has_id":[1]}})")), std::nullopt);
  EXPECT_EQ(only_possible_ids(filter_of("{}")), std::nullopt);
}

TEST(CanonicalKey, IsEqualForEqualFiltersOnly) {
  const auto key = [](const std::string& text) { return canonical_key(filter_of(text)); };
  EXPECT_EQ(key(R"({"must":{"has_id":[1,2]}})"), key(R"({"must":[{"has_id":[2,1]}]})"));
  EXPECT_EQ(key(R"({"must":{"key":"a","match":{"any":["x","y"]}}})"), key(R"({"must":{"key":"a","match":{"any":["y","x","y"]}}})"));
  const char* different[] = {
      "{}",
      R"({"must":{"key":"a","match":{"value":1}}})",
      R"({"must":{"key":"a","match":{"value":"1"}}})",
      R"({"must":{"key":"a","match":{"value":true}}})",
      R"({"must_not":{"key":"a","match":{"value":1}}})",
      R"({"should":{"key":"a","match":{"value":1}}})",
      R"({"must":{"must":{"key":"a","match":{"value":1}}}})",
      R"({"must":{"key":"a","match":{"any":[1]}}})",
      R"({"must":{"key":"a","match":{"except":[1]}}})",
      R"({"must":{"key":"a","match":{"any":["x","y"]}}})",
      R"({"must":{"key":"a","match":{"any":["x1:y"]}}})",
      R"({"must":{"key":"a","match":{"text":"x"}}})",
      R"({"must":{"key":"a","match":{"text_any":"x"}}})",
      R"({"must":{"key":"a","match":{"phrase":"x"}}})",
      R"({"must":{"key":"a","match":{"prefix":"x"}}})",
      R"({"must":{"key":"a","match":{"substring":"x"}}})",
      R"({"must":{"key":"a","range":{"gt":1}}})",
      R"({"must":{"key":"a","range":{"gte":1}}})",
      R"({"must":{"key":"a","range":{"lt":1}}})",
      R"({"must":{"key":"a","range":{"lt":1.0000000000000002}}})",
      R"({"must":{"key":"a","range":{"lt":"1970-01-01T00:00:01Z"}}})",
      R"({"must":{"key":"a","values_count":{"lt":1}}})",
      R"({"must":{"key":"a","is_empty":true}})",
      R"({"must":{"key":"a","is_empty":false}})",
      R"({"must":{"key":"a","is_null":true}})",
      R"({"must":{"nested":{"key":"a","filter":{}}}})",
      R"({"must":{"has_vector":"a"}})",
      R"({"must":{"slice":{"total":12,"index":3}}})",
      R"({"must":{"slice":{"total":13,"index":2}}})",
      R"({"min_should":{"conditions":[{"key":"a","match":{"value":1}}],"min_count":1}})",
      R"({"min_should":{"conditions":[{"key":"a","match":{"value":1}}],"min_count":2}})",
      R"({"must":{"key":"a","geo_radius":{"center":{"lat":1,"lon":2},"radius":3}}})",
      R"({"must":{"key":"a","geo_bounding_box":{"top_left":{"lat":1,"lon":2},"bottom_right":{"lat":1,"lon":2}}}})",
  };
  std::set<std::string> keys;
  for (const char* text : different) EXPECT_TRUE(keys.insert(key(text)).second) << text;
}

}  // namespace
}  // namespace orthant
