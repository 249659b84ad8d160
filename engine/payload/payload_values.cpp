#include "engine/payload/payload_values.h"

#include <cmath>

#include "base/json_text.h"
#include "engine/payload/field_tests.h"
#include "engine/payload/value_walk.h"

namespace orthant {

std::vector<std::string_view> payload_values(std::string_view payload, const JsonPath& path) {
  std::vector<std::string_view> values;
  visit_values(payload, path.steps(), [&](std::string_view value) {
    return visit_elements(value, [&](std::string_view element) {
      values.push_back(element);
      return false;
    });
  });
  return values;
}

std::optional<double> number_of(std::string_view value) {
  if (!is_number(value)) return std::nullopt;
  return number_value(value);
}

std::optional<std::string> string_of(std::string_view value) {
  if (!is_string(value)) return std::nullopt;
  return std::string(plain_string(value));
}

std::optional<GeoPoint> geo_point_of(std::string_view value) {
  return read_geo_point(value);
}

std::optional<std::int64_t> integer_of(std::string_view value) {
  return is_number(value) ? json_to_int(value) : std::nullopt;
}

std::optional<std::uint64_t> unsigned_integer_of(std::string_view value) {
  return is_number(value) ? json_to_uint(value) : std::nullopt;
}

}  // namespace orthant
