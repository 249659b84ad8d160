#pragma once
// Filter: conditions on a point's payload and id, as Qdrant's users write them. Plain values made by a dialect's parser;
// evaluated by FilterEvaluator (filter_evaluator.h). `key` is a JSON path: a.b, a[].b, a[0].b, "a.b" quoted.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <variant>
#include <vector>

#include "base/point_id.h"

namespace orthant {

using MatchScalar = std::variant<std::string, std::int64_t, bool>;

struct MatchValue {
  MatchScalar value;
};
// Any element of an array suffices. An empty list matches nothing.
struct MatchAny {
  std::vector<MatchScalar> values;
};
// A value other than all of these; null and missing do not match. An empty list matches every value.
struct MatchExcept {
  std::vector<MatchScalar> values;
};
// All tokens of the query occur (default word tokenizer, lower-cased).
struct MatchText {
  std::string query;
  bool any_token = false;
  bool phrase = false;
};
struct MatchPrefix {
  std::string prefix;
};
struct MatchSubstring {
  std::string substring;
};
struct NumberRange {
  std::optional<double> gt, gte, lt, lte;
};
// Microseconds since the epoch, UTC.
struct DatetimeRange {
  std::optional<std::int64_t> gt, gte, lt, lte;
};
struct ValuesCount {
  std::optional<std::uint64_t> gt, gte, lt, lte;
};
struct GeoPoint {
  double lat = 0;
  double lon = 0;
};
struct GeoRadius {
  GeoPoint center;
  double radius_m = 0;
};
struct GeoBoundingBox {
  GeoPoint top_left;
  GeoPoint bottom_right;
};
struct GeoPolygon {
  std::vector<GeoPoint> exterior;
  std::vector<std::vector<GeoPoint>> interiors;
};
// Missing, null or []. `expected` false turns it round (the in-place form).
struct IsEmpty {
  bool expected = true;
};
// Null, or an array that holds null.
struct IsNull {
  bool expected = true;
};

struct FieldCondition {
  std::string key;
  std::variant<MatchValue, MatchAny, MatchExcept, MatchText, MatchPrefix, MatchSubstring, NumberRange, DatetimeRange, ValuesCount,
               GeoRadius, GeoBoundingBox, GeoPolygon, IsEmpty, IsNull>
      test;
};

struct HasId {
  std::unordered_set<PointId> ids;
};
struct HasVector {
  std::string name;
};
// The ids of one of `total` parts that together hold every id once: split by SipHash-2-4 of the id.
struct IdSlice {
  std::uint64_t total = 1;
  std::uint64_t index = 0;  // < total
};

struct Filter;
// The same element of the array at `key` satisfies `filter`.
struct Nested {
  std::string key;
  std::shared_ptr<const Filter> filter;
};
struct SubFilter {
  std::shared_ptr<const Filter> filter;
};

using Condition = std::variant<FieldCondition, HasId, HasVector, IdSlice, Nested, SubFilter>;

struct MinShould {
  std::vector<Condition> conditions;
  std::size_t min_count = 0;
};

// An empty filter matches every point.
struct Filter {
  std::vector<Condition> must;
  std::vector<Condition> should;
  std::vector<Condition> must_not;
  std::optional<MinShould> min_should;
};

}  // namespace orthant
