#include "engine/payload/geo.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace orthant {
namespace {

constexpr double kEarthRadiusM = 6'371'008.8;

double radians(double degrees) {
  return degrees * std::numbers::pi / 180;
}

bool on_segment(const GeoPoint& p, const GeoPoint& a, const GeoPoint& b) {
  return p.lon * (a.lat - b.lat) + a.lon * (b.lat - p.lat) + b.lon * (p.lat - a.lat) == 0 &&
         (a.lat - p.lat) * (b.lat - p.lat) <= 0 && (a.lon - p.lon) * (b.lon - p.lon) <= 0;
}

// Even-odd rule.
bool in_ring(const GeoPoint& point, const std::vector<GeoPoint>& ring, bool border_counts) {
  bool inside = false;
  std::size_t size = ring.size();
  if (size > 1 && ring.front().lat == ring.back().lat && ring.front().lon == ring.back().lon) --size;
  for (std::size_t i = 0; i < size; ++i) {
    const GeoPoint& a = ring[i];
    const GeoPoint& b = ring[i == 0 ? size - 1 : i - 1];
    if (on_segment(point, a, b)) return border_counts;
    const bool crosses =
        (a.lon > point.lon) != (b.lon > point.lon) && point.lat < (b.lat - a.lat) * (point.lon - a.lon) / (b.lon - a.lon) + a.lat;
    if (crosses) inside = !inside;
  }
  return inside;
}

}  // namespace

double geo_distance_m(const GeoPoint& a, const GeoPoint& b) {
  const double sin_lat = std::sin((radians(b.lat) - radians(a.lat)) / 2);
  const double sin_lon = std::sin((radians(b.lon) - radians(a.lon)) / 2);
  const double h = sin_lat * sin_lat + std::cos(radians(a.lat)) * std::cos(radians(b.lat)) * sin_lon * sin_lon;
  return 2 * kEarthRadiusM * std::asin(std::sqrt(std::min(1.0, h)));
}

bool geo_inside(const GeoPoint& point, const GeoRadius& area) {
  return geo_distance_m(point, area.center) < area.radius_m;
}

bool geo_inside(const GeoPoint& point, const GeoBoundingBox& area) {
  const double left = area.top_left.lon;
  const double right = area.bottom_right.lon;
  const bool lon = left > right ? point.lon > left || point.lon < right : left < point.lon && point.lon < right;
  return lon && area.bottom_right.lat < point.lat && point.lat < area.top_left.lat;
}

bool geo_inside(const GeoPoint& point, const GeoPolygon& area) {
  if (!in_ring(point, area.exterior, false)) return false;
  return std::ranges::none_of(area.interiors, [&point](const auto& hole) { return in_ring(point, hole, true); });
}

}  // namespace orthant
