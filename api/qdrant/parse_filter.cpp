#include "api/qdrant/parse_filter.h"

#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include "engine/payload/datetime.h"
#include "engine/payload/json_path.h"

namespace orthant::qdrant {
namespace {

using Test = decltype(FieldCondition::test);

Result<std::string> parse_key(JsonValue object) {
  const JsonValue key = ORTHANT_TRY(object.require("key"));
  std::string text = ORTHANT_TRY(key.as_string());
  if (!JsonPath::parse(text)) return key.format_error("Invalid json path: '" + text + "'");
  return text;
}

Result<MatchScalar> parse_scalar(JsonValue value) {
  if (value.is_string()) return MatchScalar(ORTHANT_TRY(value.as_string()));
  if (value.is_bool()) return MatchScalar(ORTHANT_TRY(value.as_bool()));
  if (value.is_integer()) return MatchScalar(ORTHANT_TRY(value.as_int()));
  return value.expected("a string, an integer or a boolean");
}

// All strings or all integers.
Result<std::vector<MatchScalar>> parse_scalars(JsonValue list) {
  if (!list.is_array()) return list.expected("a list of strings or of integers");
  std::vector<MatchScalar> scalars;
  for (const JsonValue element : list.items()) {
    if (!element.is_string() && !element.is_integer()) return element.expected("a string or an integer");
    scalars.push_back(ORTHANT_TRY(parse_scalar(element)));
    if (scalars.back().index() != scalars.front().index()) return list.format_error("strings and integers cannot be mixed");
  }
  return scalars;
}

Result<Test> parse_match_text(JsonValue value, MatchText match) {
  match.query = ORTHANT_TRY(value.as_string());
  return Test(std::move(match));
}

Result<Test> parse_match(JsonValue match) {
  if (!match.is_object()) return match.expected("an object");
  if (const auto value = match.find("value")) return Test(MatchValue{ORTHANT_TRY(parse_scalar(*value))});
  if (const auto any = match.find("any")) return Test(MatchAny{ORTHANT_TRY(parse_scalars(*any))});
  if (const auto except = match.find("except")) return Test(MatchExcept{ORTHANT_TRY(parse_scalars(*except))});
  if (const auto text = match.find("text")) return parse_match_text(*text, {});
  if (const auto text = match.find("text_any")) return parse_match_text(*text, {.query = {}, .any_token = true});
  if (const auto text = match.find("phrase")) return parse_match_text(*text, {.query = {}, .phrase = true});
  if (const auto prefix = match.find("prefix")) return Test(MatchPrefix{ORTHANT_TRY(prefix->as_string())});
  if (const auto substring = match.find("substring")) return Test(MatchSubstring{ORTHANT_TRY(substring->as_string())});
  return match.format_error("expected one of value, any, except, text, text_any, phrase, prefix, substring");
}

constexpr std::array<std::string_view, 4> kBounds = {"gt", "gte", "lt", "lte"};

template <typename Range>
auto& bound_of(Range& range, std::string_view name) {
  if (name == "gt") return range.gt;
  if (name == "gte") return range.gte;
  return name == "lt" ? range.lt : range.lte;
}

Result<Test> parse_datetime_range(JsonValue value) {
  DatetimeRange range;
  for (const std::string_view name : kBounds) {
    const auto bound = value.find(name);
    if (!bound) continue;
    const std::string text = ORTHANT_TRY(bound->as_string());
    bound_of(range, name) = parse_datetime_us(text);
    if (!bound_of(range, name)) return bound->format_error("'" + text + "' is not a date and time, expected RFC 3339");
  }
  return Test(range);
}

Result<Test> parse_range(JsonValue value) {
  if (!value.is_object()) return value.expected("an object");
  NumberRange range;
  for (const std::string_view name : kBounds) {
    const auto bound = value.find(name);
    if (bound && bound->is_string()) return parse_datetime_range(value);
    if (bound) bound_of(range, name) = ORTHANT_TRY(bound->as_double());
  }
  return Test(range);
}

Result<Test> parse_values_count(JsonValue value) {
  if (!value.is_object()) return value.expected("an object");
  ValuesCount range;
  for (const std::string_view name : kBounds) bound_of(range, name) = ORTHANT_TRY(value.find_uint(name));
  return Test(range);
}

}  // namespace

Result<GeoPoint> parse_geo_point(JsonValue value) {
  const double lat = ORTHANT_TRY(ORTHANT_TRY(value.require("lat")).as_double());
  const double lon = ORTHANT_TRY(ORTHANT_TRY(value.require("lon")).as_double());
  if (std::abs(lat) > 90) return value.format_error("lat " + std::to_string(lat) + " is not within [-90, 90]");
  if (std::abs(lon) > 180) return value.format_error("lon " + std::to_string(lon) + " is not within [-180, 180]");
  return GeoPoint{lat, lon};
}

namespace {

Result<Test> parse_geo_radius(JsonValue value) {
  GeoRadius area;
  area.center = ORTHANT_TRY(parse_geo_point(ORTHANT_TRY(value.require("center"))));
  const JsonValue radius = ORTHANT_TRY(value.require("radius"));
  area.radius_m = ORTHANT_TRY(radius.as_double());
  if (area.radius_m < 0) return radius.out_of_range("must be 0.0 or larger");
  return Test(area);
}

Result<Test> parse_geo_bounding_box(JsonValue value) {
  GeoBoundingBox area;
  area.top_left = ORTHANT_TRY(parse_geo_point(ORTHANT_TRY(value.require("top_left"))));
  area.bottom_right = ORTHANT_TRY(parse_geo_point(ORTHANT_TRY(value.require("bottom_right"))));
  return Test(area);
}

Result<std::vector<GeoPoint>> parse_ring(JsonValue value) {
  constexpr std::size_t kFewestPoints = 4;
  const JsonValue points = ORTHANT_TRY(value.require("points"));
  if (!points.is_array()) return points.expected("a list of points");
  std::vector<GeoPoint> ring;
  for (const JsonValue point : points.items()) ring.push_back(ORTHANT_TRY(parse_geo_point(point)));
  if (ring.size() < kFewestPoints)
    return points.format_error("a ring needs at least 4 points, found " + std::to_string(ring.size()));
  if (ring.front().lat != ring.back().lat || ring.front().lon != ring.back().lon) {
    return points.format_error("the ring is not closed: its first and last point differ");
  }
  return ring;
}

Result<Test> parse_geo_polygon(JsonValue value) {
  GeoPolygon area;
  area.exterior = ORTHANT_TRY(parse_ring(ORTHANT_TRY(value.require("exterior"))));
  if (const auto interiors = value.find("interiors")) {
    if (!interiors->is_array()) return interiors->expected("a list of rings");
    for (const JsonValue ring : interiors->items()) area.interiors.push_back(ORTHANT_TRY(parse_ring(ring)));
  }
  return Test(std::move(area));
}

Result<Test> parse_is_empty(JsonValue value) {
  return Test(IsEmpty{ORTHANT_TRY(value.as_bool())});
}
Result<Test> parse_is_null(JsonValue value) {
  return Test(IsNull{ORTHANT_TRY(value.as_bool())});
}

struct FieldTest {
  std::string_view name;
  Result<Test> (*parse)(JsonValue);
};
constexpr FieldTest kFieldTests[] = {
    {"match", parse_match},
    {"range", parse_range},
    {"values_count", parse_values_count},
    {"geo_radius", parse_geo_radius},
    {"geo_bounding_box", parse_geo_bounding_box},
    {"geo_polygon", parse_geo_polygon},
    {"is_empty", parse_is_empty},
    {"is_null", parse_is_null},
};

SubFilter sub_filter(Filter filter) {
  return SubFilter{std::make_shared<const Filter>(std::move(filter))};
}

// Several tests of one key are alternatives.
Result<Condition> parse_field_condition(JsonValue value) {
  const std::string key = ORTHANT_TRY(parse_key(value));
  Filter alternatives;
  for (const FieldTest& test : kFieldTests) {
    if (const auto body = value.find(test.name)) {
      alternatives.should.push_back(FieldCondition{key, ORTHANT_TRY(test.parse(*body))});
    }
  }
  if (alternatives.should.empty()) return value.validation_error("At least one field condition must be specified");
  if (alternatives.should.size() == 1) return std::move(alternatives.should.front());
  return sub_filter(std::move(alternatives));
}

Result<Condition> parse_nested(JsonValue value) {
  Nested nested;
  nested.key = ORTHANT_TRY(parse_key(value));
  nested.filter = std::make_shared<const Filter>(ORTHANT_TRY(parse_filter(ORTHANT_TRY(value.require("filter")))));
  return nested;
}

Result<Condition> parse_slice(JsonValue value) {
  const JsonValue total = ORTHANT_TRY(value.require("total"));
  const JsonValue index = ORTHANT_TRY(value.require("index"));
  IdSlice slice;
  slice.total = ORTHANT_TRY(total.as_uint());
  slice.index = ORTHANT_TRY(index.as_uint());
  if (slice.total == 0) return total.format_error("invalid value: integer `0`, expected a nonzero u64");
  if (slice.index >= slice.total) return index.out_of_range("must be smaller than total");
  return slice;
}

}  // namespace

Result<Condition> parse_condition(JsonValue value) {
  if (!value.is_object()) return value.expected("a condition");
  if (value.find("key")) return parse_field_condition(value);
  if (const auto body = value.find("is_empty")) return FieldCondition{ORTHANT_TRY(parse_key(*body)), IsEmpty{}};
  if (const auto body = value.find("is_null")) return FieldCondition{ORTHANT_TRY(parse_key(*body)), IsNull{}};
  if (const auto body = value.find("has_id")) {
    const std::vector<PointId> ids = ORTHANT_TRY(parse_point_ids(*body));
    return HasId{{ids.begin(), ids.end()}};
  }
  if (const auto body = value.find("has_vector")) return HasVector{ORTHANT_TRY(body->as_string())};
  if (const auto body = value.find("nested")) return parse_nested(*body);
  if (const auto body = value.find("slice")) return parse_slice(*body);
  return sub_filter(ORTHANT_TRY(parse_filter(value)));
}

namespace {

// A list of conditions, or one.
Result<std::vector<Condition>> parse_conditions(JsonValue value) {
  std::vector<Condition> conditions;
  if (value.is_object()) {
    conditions.push_back(ORTHANT_TRY(parse_condition(value)));
    return conditions;
  }
  if (!value.is_array()) return value.expected("a condition or a list of conditions");
  for (const JsonValue element : value.items()) conditions.push_back(ORTHANT_TRY(parse_condition(element)));
  return conditions;
}

Result<MinShould> parse_min_should(JsonValue value) {
  MinShould min_should;
  min_should.conditions = ORTHANT_TRY(parse_conditions(ORTHANT_TRY(value.require("conditions"))));
  const JsonValue min_count = ORTHANT_TRY(value.require("min_count"));
  min_should.min_count = ORTHANT_TRY(min_count.as_uint());
  if (min_should.min_count == 0) return min_count.out_of_range("must be 1 or larger");
  return min_should;
}

}  // namespace

Result<Filter> parse_filter(JsonValue value) {
  if (!value.is_object()) return value.expected("a filter");
  Filter filter;
  for (const JsonValue clause : value.items()) {
    const std::string name = clause.key();
    const bool clause_known = name == "must" || name == "should" || name == "must_not" || name == "min_should";
    // A misspelt clause must not widen a filter that may select points for deletion.
    if (!clause_known) {
      return value.format_error("unknown field `" + name + "`, expected one of `should`, `min_should`, `must`, `must_not`");
    }
    if (clause.is_null()) continue;
    if (name == "must") filter.must = ORTHANT_TRY(parse_conditions(clause));
    if (name == "should") filter.should = ORTHANT_TRY(parse_conditions(clause));
    if (name == "must_not") filter.must_not = ORTHANT_TRY(parse_conditions(clause));
    if (name == "min_should") filter.min_should = ORTHANT_TRY(parse_min_should(clause));
  }
  return filter;
}

Result<PointId> parse_point_id(JsonValue value) {
  if (value.is_number()) return PointId::number(ORTHANT_TRY(value.as_uint()));
  if (!value.is_string()) return value.expected("a point id: an unsigned 64-bit integer or a UUID");
  const std::string text = ORTHANT_TRY(value.as_string());
  const std::optional<PointId> id = PointId::parse_uuid(text);
  if (!id) {
    return value.format_error("value '" + text +
                              "' is not a valid point ID, valid values are either an unsigned integer or a UUID");
  }
  return *id;
}

Result<std::vector<PointId>> parse_point_ids(JsonValue list) {
  if (!list.is_array()) return list.expected("a list of point ids");
  std::vector<PointId> ids;
  ids.reserve(list.size());
  for (const JsonValue element : list.items()) ids.push_back(ORTHANT_TRY(parse_point_id(element)));
  return ids;
}

}  // namespace orthant::qdrant
