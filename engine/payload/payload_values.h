#pragma once
// Single values of a payload, as formulas, groups and the like read them. Pure functions; texts point into the payload.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/payload/filter.h"
#include "engine/payload/json_path.h"

namespace orthant {

// The JSON texts of what the path names; an array that it names stands for its elements (one level).
std::vector<std::string_view> payload_values(std::string_view payload, const JsonPath& path);

// What a JSON text holds, or nothing when it is of another type.
std::optional<double> number_of(std::string_view value);
std::optional<std::string> string_of(std::string_view value);
std::optional<GeoPoint> geo_point_of(std::string_view value);
// A number written without point and exponent that fits.
std::optional<std::int64_t> integer_of(std::string_view value);
std::optional<std::uint64_t> unsigned_integer_of(std::string_view value);

}  // namespace orthant
