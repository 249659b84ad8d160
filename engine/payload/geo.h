#pragma once
// Points on the globe against radius, box and polygon. Pure functions. Borders do not belong to the inside.

#include "engine/payload/filter.h"

namespace orthant {

// Along a great circle (haversine), mean Earth radius 6,371,008.8 m.
double geo_distance_m(const GeoPoint& a, const GeoPoint& b);

bool geo_inside(const GeoPoint& point, const GeoRadius& area);
// May cross the antimeridian: then the left longitude is larger than the right one.
bool geo_inside(const GeoPoint& point, const GeoBoundingBox& area);
// Inside the exterior ring and in no interior one; rings may be closed by repeating their first point.
bool geo_inside(const GeoPoint& point, const GeoPolygon& area);

}  // namespace orthant
