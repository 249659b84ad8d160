#include "api/qdrant/parse_filter.h"

#include <gtest/gtest.h>

namespace orthant::qdrant {
namespace {

std::string error_of(const std::string& body) {
  const JsonDocument document = std::move(JsonDocument::parse(body).value());
  const auto filter = parse_filter(*document.root().find("filter"));
  return filter ? "no error" : filter.error().message;
}

std::string condition_error(const std::string& condition) {
  return error_of(R"({"filter": {"must": [{"has_id": []}, )" + condition + "]}}");
}

TEST(ParseFilter, TakesListsAndSingleConditions) {
  for (const char* filter : {"{}", R"({"must": null})", R"({"must": []})", R"({"must": {"has_id": [1]}})",
                             R"({"should": {"key": "a", "match": {"value": 1}}, "must_not": [{"is_null": {"key": "a"}}]})",
                             R"({"min_should": {"conditions": {"has_vector": ""}, "min_count": 1}})", R"({"must": {}})",
                             R"({"must": {"key": "a", "is_empty": false, "range": null}})"}) {
    EXPECT_EQ(error_of(std::string("{\"filter\": ") + filter + "}"), "no error") << filter;
  }
}

TEST(ParseFilter, AsksForATestBesideTheKey) {
  EXPECT_EQ(condition_error(R"({"key": "a"})"),
            "Validation error in JSON body: [filter.must[1]: At least one field condition must be specified]");
  EXPECT_EQ(condition_error(R"({"key": "a", "match": null})"),
            "Validation error in JSON body: [filter.must[1]: At least one field condition must be specified]");
}

TEST(ParseFilter, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(error_of(R"({"filter": {"musts": []}})"),
            "Format error in JSON body: filter: unknown field `musts`, expected one of `should`, `min_should`, `must`, `must_not`");
  EXPECT_EQ(condition_error(R"({"matches": 1})"),
            "Format error in JSON body: filter.must[1]: unknown field `matches`, expected one of `should`, `min_should`, `must`, "
            "`must_not`");
  EXPECT_EQ(error_of(R"({"filter": []})"), "Format error in JSON body: filter: invalid type: an array, expected a filter");
  EXPECT_EQ(condition_error("1"), "Format error in JSON body: filter.must[1]: invalid type: a number, expected a condition");
}

TEST(ParseFilter, ErrorsOfFieldsAreFormatErrorsWithThePath) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"key": 1, "match": {"value": 1}})", "filter.must[1].key: invalid type: a number, expected a string"},
      {R"({"key": "a[", "match": {"value": 1}})", "filter.must[1].key: Invalid json path: 'a['"},
      {R"({"key": "a", "match": {"value": 1.5}})",
       "filter.must[1].match.value: invalid type: a number, expected a string, an integer or a boolean"},
      {R"({"key": "a", "match": {"value": 9223372036854775808}})",
       "filter.must[1].match.value: invalid value: 9223372036854775808, expected a signed 64-bit integer"},
      {R"({"key": "a", "match": {"any": ["x", 1]}})", "filter.must[1].match.any: strings and integers cannot be mixed"},
      {R"({"key": "a", "match": {"any": "x"}})",
       "filter.must[1].match.any: invalid type: a string, expected a list of strings or of integers"},
      {R"({"key": "a", "match": {"text": 5}})", "filter.must[1].match.text: invalid type: a number, expected a string"},
      {R"({"key": "a", "match": {}})",
       "filter.must[1].match: expected one of value, any, except, text, text_any, phrase, prefix, substring"},
      {R"({"key": "a", "range": {"gt": "yesterday"}})",
       "filter.must[1].range.gt: 'yesterday' is not a date and time, expected RFC 3339"},
      {R"({"key": "a", "range": {"gt": "2024-01-01", "lt": 5}})",
       "filter.must[1].range.lt: invalid type: a number, expected a string"},
      {R"({"key": "a", "range": {"gt": true}})", "filter.must[1].range.gt: invalid type: a boolean, expected a number"},
      {R"({"key": "a", "values_count": {"gt": -1}})",
       "filter.must[1].values_count.gt: invalid value: -1, expected an unsigned 64-bit integer"},
      {R"({"key": "a", "geo_radius": {"center": {"lat": 91, "lon": 0}, "radius": 1}})",
       "filter.must[1].geo_radius.center: lat 91.000000 is not within [-90, 90]"},
      {R"({"key": "a", "geo_radius": {"center": {"lat": 1, "lon": 0}}})", "filter.must[1].geo_radius: missing field `radius`"},
      {R"({"key": "a", "geo_polygon": {"exterior": {"points": [{"lat": 1, "lon": 0}]}}})",
       "filter.must[1].geo_polygon.exterior.points: a ring needs at least 4 points, found 1"},
      {R"({"has_id": [1, "x"]})",
       "filter.must[1].has_id[1]: value 'x' is not a valid point ID, valid values are either an unsigned integer or a UUID"},
      {R"({"has_id": [-1]})", "filter.must[1].has_id[0]: invalid value: -1, expected an unsigned 64-bit integer"},
      {R"({"nested": {"key": "a"}})", "filter.must[1].nested: missing field `filter`"},
      {R"({"is_empty": {}})", "filter.must[1].is_empty: missing field `key`"},
      {R"({"min_should": {"conditions": []}})", "filter.must[1].min_should: missing field `min_count`"},
      {R"({"slice": {"total": 2}})", "filter.must[1].slice: missing field `index`"},
  };
  for (const auto& [condition, message] : cases) {
    EXPECT_EQ(condition_error(condition), std::string("Format error in JSON body: ") + message) << condition;
  }
}

TEST(ParseFilter, SlicesLieWithinTheirTotal) {
  EXPECT_EQ(condition_error(R"({"slice": {"total": 0, "index": 0}})"),
            "Format error in JSON body: filter.must[1].slice.total: invalid value: integer `0`, expected a nonzero u64");
  EXPECT_EQ(condition_error(R"({"slice": {"total": 2, "index": 2}})"),
            "Validation error in JSON body: [filter.must[1].slice.index: value 2 invalid, must be smaller than total]");
}

TEST(ParseFilter, MinCountStartsAtOne) {
  EXPECT_EQ(condition_error(R"({"min_should": {"conditions": [], "min_count": 0}})"),
            "Validation error in JSON body: [filter.must[1].min_should.min_count: value 0 invalid, must be 1 or larger]");
}

TEST(ParsePointId, TakesIntegersAndUuidsInEveryForm) {
  const JsonDocument document = std::move(JsonDocument::parse(R"([0, 18446744073709551615, "936DA01F-9ABD-4D9D-80C7-02AF85C822A8",
      "936da01f9abd4d9d80c702af85c822a8", "urn:uuid:936da01f-9abd-4d9d-80c7-02af85c822a8"])")
                                              .value());
  const auto ids = parse_point_ids(document.root());
  ASSERT_TRUE(ids) << ids.error().message;
  EXPECT_EQ((*ids)[1].to_string(), "18446744073709551615");
  for (std::size_t i = 2; i < 5; ++i) EXPECT_EQ((*ids)[i].to_string(), "936da01f-9abd-4d9d-80c7-02af85c822a8");
}

TEST(ParsePointId, RefusesAnythingElse) {
  for (const char* text : {"[-1]", "[1.0]", "[1e3]", "[18446744073709551616]", "[null]", "[\"1\"]", "[true]", "[[1]]", "1", "{}"}) {
    const JsonDocument document = std::move(JsonDocument::parse(text).value());
    EXPECT_FALSE(parse_point_ids(document.root())) << text;
  }
}

}  // namespace
}  // namespace orthant::qdrant
