#include "engine/collection/change.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "engine/collection/shadow_vectors.h"
#include "engine/payload/json_path.h"
#include "engine/payload/payload.h"

namespace orthant {
namespace {

std::unexpected<Error> no_point(const PointId& id) {
  return not_found(fmt::format("No point with id {} found", id.to_string()));
}

std::vector<PointId> without_repeats(const std::vector<PointId>& ids) {
  std::vector<PointId> unique;
  std::unordered_set<PointId> seen;
  for (const PointId& id : ids) {
    if (seen.insert(id).second) unique.push_back(id);
  }
  return unique;
}

// A row of the table with its ordinal.
struct Row {
  Ordinal ordinal = kNoOrdinal;
  PointRecord record;
};

struct ChangeBuilder {
  const TableView& view;
  const std::uint64_t operation_id;
  const std::span<const Slot> shadowed;
  const bool has_field_indexes = !view.fields().fields()->empty();
  const std::shared_ptr<const SlotNames> slot_names = view.slot_names();
  Change change{view.table().store()};
  std::vector<std::vector<std::string_view>> new_vectors;  // [new row][slot]

  const StoredTable& table() const { return view.table(); }

  Status operator()(const UpsertOp& op);
  Status operator()(const UpdateVectorsOp& op);
  Status operator()(const DeletePointsOp& op);
  Status operator()(const DeleteVectorsOp& op);
  Status operator()(const EditPayloadOp& op);

  Status finish();
  Status check_slots(const std::vector<PreparedPoint>& points) const;
  void add_row(const PreparedPoint& point, Ordinal replaced);
  void bury(Slot slot, Ordinal ordinal);
  void rewrite(Row& row);
  // not_found for the first unknown id when `all_must_exist`; unknown ids are left out otherwise.
  Result<std::vector<Row>> read_rows(const std::vector<PointId>& ids, bool all_must_exist) const;
  Status take_over(const Row& row, PreparedPoint& point) const;
  Status take_shadow(const Row& row, Slot slot, PreparedPoint& point) const;
};

void ChangeBuilder::bury(Slot slot, Ordinal ordinal) {
  table().bury(change.batch, slot, ordinal);
  change.burials.emplace_back(slot, ordinal);
}

void ChangeBuilder::rewrite(Row& row) {
  row.record.operation_id = operation_id;
  table().put_point(change.batch, row.ordinal, row.record);
  change.rewritten.push_back(row.ordinal);
}

void ChangeBuilder::add_row(const PreparedPoint& point, Ordinal replaced) {
  const auto ordinal = static_cast<Ordinal>(view.row_count() + new_vectors.size());
  PointRecord record{.id = point.id, .operation_id = operation_id, .slots = {}, .sources = {}, .payload = point.payload};
  std::vector<std::string_view> by_slot(slot_names->size());
  for (const PreparedVector& vector : point.vectors) {
    if (is_shadow(vector.slot)) {
      table().put_vector(change.batch, vector.slot, ordinal, shadow_value(vector.generation, vector.bytes));
      continue;
    }
    record.slots.push_back(vector.slot);
    if (vector.source_text) record.sources.push_back({vector.slot, *vector.source_text});
    table().put_vector(change.batch, vector.slot, ordinal, vector.bytes);
    by_slot[vector.slot] = vector.bytes;
  }
  std::ranges::sort(record.slots);
  table().put_point(change.batch, ordinal, record);
  table().put_id(change.batch, point.id, ordinal);
  if (replaced != kNoOrdinal) bury(kAllSlots, replaced);
  if (has_field_indexes) change.fields.added.push_back(view.fields().read(ordinal, point.payload));
  new_vectors.push_back(std::move(by_slot));
}

Status ChangeBuilder::finish() {
  if (new_vectors.size() >= kNoOrdinal - view.row_count()) {
    return fail(ErrorCode::kResourceExhausted, fmt::format("collection is full: {} rows", view.row_count()));
  }
  change.rows = ORTHANT_TRY(view.encode(new_vectors));
  table().put_last_operation(change.batch, operation_id);
  return {};
}

Result<std::vector<Row>> ChangeBuilder::read_rows(const std::vector<PointId>& given, bool all_must_exist) const {
  const std::vector<PointId> ids = without_repeats(given);
  std::vector<Ordinal> ordinals = ORTHANT_TRY(table().find(ids));
  if (all_must_exist) {
    const auto missing = std::ranges::find(ordinals, kNoOrdinal);
    if (missing != ordinals.end()) return no_point(ids[static_cast<std::size_t>(missing - ordinals.begin())]);
  }
  std::erase(ordinals, kNoOrdinal);
  std::vector<PointRecord> records = ORTHANT_TRY(table().read_points(ordinals));
  std::vector<Row> rows;
  for (std::size_t i = 0; i < records.size(); ++i) rows.push_back({ordinals[i], std::move(records[i])});
  return rows;
}

// A name may have been removed after the write was prepared.
Status ChangeBuilder::check_slots(const std::vector<PreparedPoint>& points) const {
  for (const PreparedPoint& point : points) {
    for (const PreparedVector& vector : point.vectors) {
      if (!slot_names->has(without_shadow(vector.slot)))
        return invalid_argument("Not existing vector name error: the vector was deleted meanwhile");
    }
  }
  return {};
}

Status ChangeBuilder::operator()(const UpsertOp& op) {
  ORTHANT_TRY(check_slots(op.points));
  std::vector<PointId> ids;
  for (const PreparedPoint& point : op.points) ids.push_back(point.id);
  const std::vector<Ordinal> replaced = ORTHANT_TRY(table().find(ids));
  for (std::size_t i = 0; i < ids.size(); ++i) add_row(op.points[i], replaced[i]);
  return finish();
}

// Adds to `point` what the row has and the point does not bring.
Status ChangeBuilder::take_over(const Row& row, PreparedPoint& point) const {
  point.payload = row.record.payload;
  for (const Slot slot : row.record.slots) {
    if (!slot_names->has(slot)) continue;
    if (std::ranges::find(point.vectors, slot, &PreparedVector::slot) != point.vectors.end()) continue;
    PreparedVector vector{.slot = slot, .bytes = {}, .source_text = {}};
    ORTHANT_TRY(table().read_vectors(slot, {&row.ordinal, 1}, [&](std::size_t, std::string_view bytes) -> Status {
      vector.bytes = bytes;
      return {};
    }));
    if (vector.bytes.empty()) return data_corruption(fmt::format("point {}: vector {} is missing", point.id.to_string(), slot));
    const auto source = std::ranges::find(row.record.sources, slot, &SourceText::slot);
    if (source != row.record.sources.end()) vector.source_text = source->text;
    const bool has_text = vector.source_text.has_value();
    point.vectors.push_back(std::move(vector));
    if (has_text && std::ranges::find(shadowed, slot) != shadowed.end()) ORTHANT_TRY(take_shadow(row, slot, point));
  }
  return {};
}

// Where the row has one already.
Status ChangeBuilder::take_shadow(const Row& row, Slot slot, PreparedPoint& point) const {
  return table().read_vectors(shadow_of(slot), {&row.ordinal, 1}, [&](std::size_t, std::string_view value) -> Status {
    if (const auto shadow = parse_shadow(value)) {
      point.vectors.push_back(
          {.slot = shadow_of(slot), .bytes = std::string(shadow->bytes), .source_text = {}, .generation = shadow->generation});
    }
    return {};
  });
}

// One point an id, with the vectors of all points of that id; of the same vector given twice the last wins.
std::vector<PreparedPoint> merge_equal_ids(const std::vector<PreparedPoint>& points) {
  std::vector<PreparedPoint> merged;
  std::unordered_map<PointId, std::size_t> positions;
  for (const PreparedPoint& point : points) {
    const auto [place, is_new] = positions.emplace(point.id, merged.size());
    if (is_new) merged.push_back({.id = point.id, .vectors = {}, .payload = {}});
    std::vector<PreparedVector>& vectors = merged[place->second].vectors;
    for (const PreparedVector& vector : point.vectors) {
      std::erase_if(vectors, [&](const PreparedVector& earlier) {
        return earlier.slot == vector.slot || earlier.slot == shadow_of(vector.slot);  // the shadow comes after its vector
      });
      vectors.push_back(vector);
    }
  }
  return merged;
}

Status ChangeBuilder::operator()(const UpdateVectorsOp& op) {
  ORTHANT_TRY(check_slots(op.points));
  std::vector<PreparedPoint> points = merge_equal_ids(op.points);
  std::vector<PointId> ids;
  for (const PreparedPoint& point : points) ids.push_back(point.id);
  const std::vector<Row> rows = ORTHANT_TRY(read_rows(ids, true));
  for (std::size_t i = 0; i < rows.size(); ++i) ORTHANT_TRY(take_over(rows[i], points[i]));
  for (std::size_t i = 0; i < rows.size(); ++i) add_row(points[i], rows[i].ordinal);
  return finish();  // while `points` holds the vectors
}

Status ChangeBuilder::operator()(const DeletePointsOp& op) {
  const std::vector<PointId> ids = without_repeats(std::get<std::vector<PointId>>(op.points));
  const std::vector<Ordinal> ordinals = ORTHANT_TRY(table().find(ids));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ordinals[i] == kNoOrdinal) continue;
    table().remove_id(change.batch, ids[i]);
    bury(kAllSlots, ordinals[i]);
  }
  return finish();
}

Status ChangeBuilder::operator()(const DeleteVectorsOp& op) {
  for (Row& row : ORTHANT_TRY(read_rows(std::get<std::vector<PointId>>(op.points), false))) {
    const std::size_t slots_before = row.record.slots.size();
    for (const Slot slot : op.slots) {
      if (std::erase(row.record.slots, slot) == 0) continue;
      std::erase_if(row.record.sources, [slot](const SourceText& source) { return source.slot == slot; });
      bury(slot, row.ordinal);
    }
    if (row.record.slots.size() != slots_before) rewrite(row);
  }
  return finish();
}

// An edit with its paths parsed once for all points.
struct PreparedEdit {
  const EditPayloadOp& op;
  std::optional<JsonPath> key;
  std::vector<JsonPath> keys;

  static Result<PreparedEdit> make(const EditPayloadOp& op) {
    PreparedEdit edit{op, std::nullopt, {}};
    if (op.key) edit.key = ORTHANT_TRY(JsonPath::parse(*op.key));
    for (const std::string& key : op.keys) edit.keys.push_back(ORTHANT_TRY(JsonPath::parse(key)));
    return edit;
  }
  Result<std::string> apply(const std::string& payload) const {
    switch (op.edit) {
      case PayloadEdit::kSet: return key ? merge_payload_at(payload, *key, op.payload) : merge_payload(payload, op.payload);
      case PayloadEdit::kOverwrite: return op.payload;
      case PayloadEdit::kDelete: return delete_payload_keys(payload, keys);
      case PayloadEdit::kClear: return std::string("{}");
    }
    return payload;
  }
};

Status ChangeBuilder::operator()(const EditPayloadOp& op) {
  const PreparedEdit edit = ORTHANT_TRY(PreparedEdit::make(op));
  for (Row& row : ORTHANT_TRY(read_rows(std::get<std::vector<PointId>>(op.points), true))) {
    std::string edited = ORTHANT_TRY(edit.apply(row.record.payload));
    if (has_field_indexes) {
      change.fields.edited.emplace_back(view.fields().read(row.ordinal, row.record.payload),
                                        view.fields().read(row.ordinal, edited));
    }
    row.record.payload = std::move(edited);
    rewrite(row);
  }
  return finish();
}

}  // namespace

Result<Change> build_change(const WriteOp& op, const TableView& view, std::uint64_t operation_id, std::span<const Slot> shadowed) {
  ChangeBuilder builder{.view = view, .operation_id = operation_id, .shadowed = shadowed, .new_vectors = {}};
  ORTHANT_TRY(std::visit(builder, op));
  return std::move(builder.change);
}

}  // namespace orthant
