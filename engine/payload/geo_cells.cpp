#include "engine/payload/geo_cells.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/payload/geo.h"

namespace orthant {
namespace {

constexpr double kCells = 4294967296.0;  // along each axis
// Rounding of coordinates, and a cell's own size, stay below these.
constexpr double kMarginDegrees = 1e-6;
constexpr double kMarginM = 2;
constexpr double kEarthRadiusM = 6'371'008.8;
// Splitting cells goes on while it gives fewer ranges than this.
constexpr std::size_t kMostRanges = 64;

std::uint32_t cell_of(double offset, double width) {
  return static_cast<std::uint32_t>(std::clamp(offset / width * kCells, 0.0, kCells - 1));
}

// The low 32 bits, each followed by a zero.
std::uint64_t spread(std::uint32_t value) {
  std::uint64_t bits = value;
  bits = (bits | bits << 16) & 0x0000FFFF0000FFFF;
  bits = (bits | bits << 8) & 0x00FF00FF00FF00FF;
  bits = (bits | bits << 4) & 0x0F0F0F0F0F0F0F0F;
  bits = (bits | bits << 2) & 0x3333333333333333;
  return (bits | bits << 1) & 0x5555555555555555;
}

std::uint32_t gather(std::uint64_t bits) {
  bits &= 0x5555555555555555;
  bits = (bits | bits >> 1) & 0x3333333333333333;
  bits = (bits | bits >> 2) & 0x0F0F0F0F0F0F0F0F;
  bits = (bits | bits >> 4) & 0x00FF00FF00FF00FF;
  bits = (bits | bits >> 8) & 0x0000FFFF0000FFFF;
  return static_cast<std::uint32_t>(bits | bits >> 16);
}

double lat_of(std::uint64_t cell) {
  return (gather(cell >> 1) + 0.5) / kCells * 180 - 90;
}
double lon_of(std::uint64_t cell) {
  return (gather(cell) + 0.5) / kCells * 360 - 180;
}

// A rectangle of cells, borders included.
struct Rectangle {
  std::uint32_t bottom, top, left, right;
};

// A square of the quadtree: the cells whose first 2 * depth bits are those of `first`.
struct Square {
  std::uint64_t first;
  unsigned depth;
  std::uint64_t last() const { return depth == 0 ? ~std::uint64_t{0} : first + ((std::uint64_t{1} << (64 - 2 * depth)) - 1); }
};

enum class Overlap { kNone, kPart, kWhole };

Overlap overlap(const Square& square, const Rectangle& area) {
  const std::uint32_t bottom = gather(square.first >> 1), top = gather(square.last() >> 1);
  const std::uint32_t left = gather(square.first), right = gather(square.last());
  if (top < area.bottom || bottom > area.top || right < area.left || left > area.right) return Overlap::kNone;
  const bool whole = bottom >= area.bottom && top <= area.top && left >= area.left && right <= area.right;
  return whole ? Overlap::kWhole : Overlap::kPart;
}

// Squares that cover the rectangle: level by level those that stick out are split, until there would be too many.
std::vector<Square> cover_rectangle(const Rectangle& area) {
  std::vector<Square> done;
  std::vector<Square> level{{0, 0}};
  while (!level.empty()) {
    std::vector<Square> next;
    for (const Square& square : level) {
      for (std::uint64_t quarter = 0; quarter < 4; ++quarter) {
        const Square part{square.first | quarter << (62 - 2 * square.depth), square.depth + 1};
        const Overlap found = overlap(part, area);
        if (found == Overlap::kWhole || (found == Overlap::kPart && part.depth == 32)) done.push_back(part);
        if (found == Overlap::kPart && part.depth < 32) next.push_back(part);
      }
    }
    if (done.size() + next.size() > kMostRanges) {
      done.insert(done.end(), next.begin(), next.end());
      break;
    }
    level = std::move(next);
  }
  return done;
}

}  // namespace

std::optional<std::uint64_t> geo_cell(const GeoPoint& point) {
  if (!(std::abs(point.lat) <= 90) || !(std::abs(point.lon) <= 180)) return std::nullopt;
  return spread(cell_of(point.lat + 90, 180)) << 1 | spread(cell_of(point.lon + 180, 360));
}

GeoCover::GeoCover(const GeoRadius& area) : kind_(Kind::kRadius), radius_(area) {
  const double angle = (area.radius_m + kMarginM) / kEarthRadiusM;
  const double degrees = angle * 180 / std::numbers::pi;
  Box box{area.center.lat - degrees, area.center.lat + degrees, -180, 180};
  if (!(std::abs(area.center.lat) <= 90) || !(std::abs(area.center.lon) <= 180)) {
    cover({-90, 90, -180, 180});
    return;
  }
  const double share = std::sin(angle) / std::cos(area.center.lat * std::numbers::pi / 180);
  // A circle around a pole meets every longitude.
  if (box.bottom > -90 && box.top < 90 && share < 1) {
    const double width = std::asin(std::max(share, 0.0)) * 180 / std::numbers::pi + kMarginDegrees;
    box.left = area.center.lon - width;
    box.right = area.center.lon + width;
    if (box.left < -180 && box.right < 180) box.left += 360;
    if (box.right > 180 && box.left > -180) box.right -= 360;
  }
  cover(box);
}

GeoCover::GeoCover(const GeoBoundingBox& area)
    : kind_(Kind::kBox), box_{area.bottom_right.lat, area.top_left.lat, area.top_left.lon, area.bottom_right.lon} {
  cover(box_);
}

GeoCover::GeoCover(const GeoPolygon& area) : kind_(Kind::kPolygon) {
  Box box{90, -90, 180, -180};
  for (const GeoPoint& corner : area.exterior) {
    box.bottom = std::min(box.bottom, corner.lat);
    box.top = std::max(box.top, corner.lat);
    box.left = std::min(box.left, corner.lon);
    box.right = std::max(box.right, corner.lon);
  }
  if (!area.exterior.empty() && box.left <= box.right) cover(box);
}

void GeoCover::cover(const Box& box) {
  const auto add = [&](double left, double right) {
    if (box.bottom > box.top + 2 * kMarginDegrees || left > right + 2 * kMarginDegrees) return;
    const Rectangle area{cell_of(box.bottom - kMarginDegrees + 90, 180), cell_of(box.top + kMarginDegrees + 90, 180),
                         cell_of(left - kMarginDegrees + 180, 360), cell_of(right + kMarginDegrees + 180, 360)};
    for (const Square& square : cover_rectangle(area)) ranges_.emplace_back(square.first, square.last());
  };
  if (box.left > box.right) {
    add(box.left, 180);
    add(-180, box.right);
  } else {
    add(box.left, box.right);
  }
  std::ranges::sort(ranges_);
  // Ranges that touch or overlap become one.
  std::size_t kept = 0;
  for (std::size_t i = 1; i < ranges_.size(); ++i) {
    if (ranges_[i].first <= ranges_[kept].second || ranges_[i].first == ranges_[kept].second + 1) {
      ranges_[kept].second = std::max(ranges_[kept].second, ranges_[i].second);
    } else {
      ranges_[++kept] = ranges_[i];
    }
  }
  if (!ranges_.empty()) ranges_.resize(kept + 1);
}

GeoRelation GeoCover::relation(std::uint64_t cell) const {
  const GeoPoint middle{lat_of(cell), lon_of(cell)};
  if (kind_ == Kind::kPolygon) return GeoRelation::kUndecided;
  if (kind_ == Kind::kRadius) {
    const double distance = geo_distance_m(middle, radius_.center);
    if (distance < radius_.radius_m - kMarginM) return GeoRelation::kInside;
    return distance < radius_.radius_m + kMarginM ? GeoRelation::kUndecided : GeoRelation::kOutside;
  }
  // How far inside the box, in degrees, of latitude and of longitude.
  const double lat = std::min(middle.lat - box_.bottom, box_.top - middle.lat);
  const double east = middle.lon - box_.left, west = box_.right - middle.lon;
  const double lon = box_.left > box_.right ? std::max(east, west) : std::min(east, west);
  const double inside = std::min(lat, lon);
  if (inside > kMarginDegrees) return GeoRelation::kInside;
  return inside > -kMarginDegrees ? GeoRelation::kUndecided : GeoRelation::kOutside;
}

}  // namespace orthant
