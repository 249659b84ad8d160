#pragma once
// Places as 64-bit cells in Morton order (the bits of latitude and longitude interleaved, as in a geohash), so that an area is a
// few ranges of a SortedColumn. A cell is at most 5 mm high and 10 mm wide: only places that near to an area's border stay
// undecided. Pure functions. Private to engine/payload.

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "engine/payload/filter.h"

namespace orthant {

// Nothing for coordinates that are not on the globe (-90..90, -180..180).
std::optional<std::uint64_t> geo_cell(const GeoPoint& point);

enum class GeoRelation { kOutside, kUndecided, kInside };

// An area ready to be asked about cells.
class GeoCover {
 public:
  explicit GeoCover(const GeoRadius& area);
  explicit GeoCover(const GeoBoundingBox& area);
  explicit GeoCover(const GeoPolygon& area);

  // [first, last] each, ascending: every cell of the area is in one of them. Some dozens at most.
  const std::vector<std::pair<std::uint64_t, std::uint64_t>>& ranges() const { return ranges_; }
  // Of a cell in one of the ranges.
  GeoRelation relation(std::uint64_t cell) const;

 private:
  enum class Kind { kRadius, kBox, kPolygon };
  // Degrees. left > right crosses the antimeridian.
  struct Box {
    double bottom, top, left, right;
  };
  void cover(const Box& box);

  Kind kind_;
  Box box_{};
  GeoRadius radius_{};
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges_;
};

}  // namespace orthant
