#include "engine/ranked_points.h"

#include <algorithm>
#include <unordered_map>

namespace orthant {
namespace {

void keep_newest_of_equal_ids(std::vector<ScoredPoint>& points) {
  std::unordered_map<PointId, std::uint64_t> newest;
  for (const ScoredPoint& point : points) {
    std::uint64_t& version = newest[point.record.id];
    version = std::max(version, point.record.version);
  }
  std::erase_if(points, [&](const ScoredPoint& point) { return newest[point.record.id] != point.record.version; });
}

}  // namespace

Result<std::vector<ScoredPoint>> points_of(const CollectionReader& reader, const RankedRows& ranked, std::size_t offset,
                                           const PayloadSelector& payload, const VectorSelector& vectors) {
  std::vector<Ordinal> ordinals;
  for (std::size_t i = offset; i < ranked.rows.size(); ++i) ordinals.push_back(ranked.rows[i].ordinal);
  std::vector<Record> records = ORTHANT_TRY(reader.records(ordinals, payload, vectors));
  std::vector<ScoredPoint> points;
  for (std::size_t i = 0; i < records.size(); ++i) {
    points.push_back({std::move(records[i]), ranked.rows[offset + i].score});
    if (!ranked.order_values.empty()) points.back().record.order_value = ranked.order_values[offset + i];
  }
  keep_newest_of_equal_ids(points);
  return points;
}

}  // namespace orthant
