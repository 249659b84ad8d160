#pragma once
// Qdrant's JSON form of filters and point ids -> engine values. Errors as json/json_reader.h has them, with the path of the field.
// Functions may be called from any thread.

#include <vector>

#include "api/json/json_reader.h"
#include "base/point_id.h"
#include "base/result.h"
#include "engine/payload/filter.h"

namespace orthant::qdrant {

// {"must": .., "should": .., "must_not": .., "min_should": {..}}; each clause a list or one condition.
Result<Filter> parse_filter(JsonValue value);

// One condition, as formulas have them too.
Result<Condition> parse_condition(JsonValue value);
// {"lat", "lon"} in degrees.
Result<GeoPoint> parse_geo_point(JsonValue value);

// An unsigned 64-bit integer, or a string with a UUID.
Result<PointId> parse_point_id(JsonValue value);
Result<std::vector<PointId>> parse_point_ids(JsonValue list);

}  // namespace orthant::qdrant
