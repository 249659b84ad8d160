// resolve(): filters and modes of an op turned into the points that they mean now.

#include <algorithm>
#include <unordered_map>

#include "engine/collection/change.h"
#include "engine/collection/row_filter.h"

namespace orthant {
namespace {

// Records read at once while ids of matching rows are collected.
constexpr std::size_t kReadRows = 1024;

Result<std::vector<PointId>> matching_ids(const Filter& filter, const TableView& view, ThreadPool* pool) {
  const Bitmap rows = ORTHANT_TRY(matching_rows(view, filter, pool));
  std::vector<Ordinal> ordinals;
  rows.for_each([&](std::size_t row) { ordinals.push_back(static_cast<Ordinal>(row)); });
  std::vector<PointId> ids;
  ids.reserve(ordinals.size());
  for (std::size_t begin = 0; begin < ordinals.size(); begin += kReadRows) {
    const auto chunk = std::span(ordinals).subspan(begin, std::min(kReadRows, ordinals.size() - begin));
    for (const PointRecord& record : ORTHANT_TRY(view.table().read_points(chunk))) ids.push_back(record.id);
  }
  return ids;
}

// Of equal ids the last stays, at its place.
void keep_last_of_equal_ids(std::vector<PreparedPoint>& points) {
  std::unordered_map<PointId, std::size_t> last;
  for (std::size_t i = 0; i < points.size(); ++i) last[points[i].id] = i;
  if (last.size() == points.size()) return;
  std::size_t position = 0;
  std::erase_if(points, [&](const PreparedPoint& point) { return last[point.id] != position++; });
}

// Which points are to be written.
Result<std::vector<bool>> wanted_points(std::span<const PreparedPoint> points, UpdateMode mode,
                                        const std::optional<Filter>& update_filter, const TableView& view) {
  std::vector<PointId> ids;
  for (const PreparedPoint& point : points) ids.push_back(point.id);
  const std::vector<Ordinal> ordinals = ORTHANT_TRY(view.table().find(ids));
  std::vector<bool> wanted(ids.size());
  std::vector<Ordinal> existing;
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const bool exists = ordinals[i] != kNoOrdinal;
    wanted[i] = exists ? mode != UpdateMode::kInsertOnly : mode != UpdateMode::kUpdateOnly;
    if (!exists) continue;
    existing.push_back(ordinals[i]);
    positions.push_back(i);
  }
  if (!update_filter) return wanted;
  const std::shared_ptr<const SlotNames> slot_names = view.slot_names();
  const RowFilter filter = ORTHANT_TRY(RowFilter::compile(*update_filter, *slot_names, view.fields().fields()->text));
  const std::vector<PointRecord> records = ORTHANT_TRY(view.table().read_points(existing));
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!filter.matches(records[i])) wanted[positions[i]] = false;
  }
  return wanted;
}

struct Resolver {
  const TableView& view;
  ThreadPool* pool;

  Status operator()(UpsertOp& op) const {
    keep_last_of_equal_ids(op.points);
    if (op.mode == UpdateMode::kUpsert && !op.update_filter) return {};
    ORTHANT_TRY(keep_wanted(op.points, op.mode, op.update_filter));
    op.mode = UpdateMode::kUpsert;
    op.update_filter.reset();
    return {};
  }
  // Points that there are not stay in: applying the op names them.
  Status operator()(UpdateVectorsOp& op) const {
    if (!op.update_filter) return {};
    ORTHANT_TRY(keep_wanted(op.points, UpdateMode::kUpsert, op.update_filter));
    op.update_filter.reset();
    return {};
  }
  Status keep_wanted(std::vector<PreparedPoint>& points, UpdateMode mode, const std::optional<Filter>& update_filter) const {
    const std::vector<bool> wanted = ORTHANT_TRY(wanted_points(points, mode, update_filter, view));
    std::size_t position = 0;
    std::erase_if(points, [&](const PreparedPoint&) { return !wanted[position++]; });
    return {};
  }
  template <typename Op>
  Status operator()(Op& op) const {
    if (const auto* filter = std::get_if<Filter>(&op.points)) {
      op.points = ORTHANT_TRY(matching_ids(*filter, view, pool));
    }
    return {};
  }
};

}  // namespace

Result<WriteOp> resolve(WriteOp op, const TableView& view, ThreadPool* pool) {
  ORTHANT_TRY(std::visit(Resolver{view, pool}, op));
  return op;
}

}  // namespace orthant
