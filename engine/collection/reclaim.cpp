#include "engine/collection/reclaim.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "engine/collection/shadow_vectors.h"

namespace orthant {
namespace {

// Rows copied with one batch.
constexpr std::size_t kChunkRows = 512;

}  // namespace

Reclaim::~Reclaim() {
  if (switched_ || target_.table == 0) return;
  if (view_) {
    view_->retire();
  } else if (Status dropped = drop_table(store_, target_.table); !dropped) {
    log_warning(dropped.error().message);
  }
}

Status Reclaim::create_target() {
  target_.table = ORTHANT_TRY(create_table(store_));
  return {};
}

Status Reclaim::run_round(const StoredTable& old_table, Ordinal row_count, const RowJournal& journal) {
  const bool first_round = view_ == nullptr;
  if (first_round) ORTHANT_TRY(create_target());
  ORTHANT_TRY(follow_rewritten(old_table, journal));
  ORTHANT_TRY(follow_burials(old_table, journal));
  ORTHANT_TRY(follow_shadows(old_table, journal));
  ORTHANT_TRY(copy_rows(old_table, rows_done(), row_count));
  if (first_round) view_ = ORTHANT_TRY(TableView::open(store_, target_, index_path_, pool_, budget_));
  return {};
}

// The rows [first, last) that are live: those that their id leads to.
Status Reclaim::copy_rows(const StoredTable& old_table, Ordinal first, Ordinal last) {
  new_ordinals_.reserve(last);
  while (first < last) {
    if (stopping_.load(std::memory_order_relaxed)) return fail(ErrorCode::kCancelled, "reclaim: the process is stopping");
    const Ordinal end = std::min<Ordinal>(last, first + kChunkRows);
    std::vector<std::pair<Ordinal, PointRecord>> rows;
    std::vector<PointId> ids;
    std::vector<Ordinal> ordinals;
    ORTHANT_TRY(old_table.scan_points(first, end, [&](Ordinal ordinal, const PointRecordView& record) {
      ordinals.push_back(ordinal);
      ids.push_back(record.id);
      return true;
    }));
    const std::vector<Ordinal> live = ORTHANT_TRY(old_table.find(ids));
    std::size_t position = 0;
    std::erase_if(ordinals, [&](Ordinal ordinal) { return live[position++] != ordinal; });
    std::vector<PointRecord> records = ORTHANT_TRY(old_table.read_points(ordinals));
    for (std::size_t i = 0; i < records.size(); ++i) rows.emplace_back(ordinals[i], without_removed_slots(std::move(records[i])));
    ORTHANT_TRY(copy_chunk(old_table, rows));
    new_ordinals_.resize(end, kNoOrdinal);
    first = end;
  }
  return {};
}

PointRecord Reclaim::without_removed_slots(PointRecord record) const {
  std::erase_if(record.slots, [this](Slot slot) { return !target_.slot_names.has(slot); });
  std::erase_if(record.sources, [this](const SourceText& source) { return !target_.slot_names.has(source.slot); });
  return record;
}

// Of the slot that is switched. False: it has a text, or the point has no such vector.
bool Reclaim::lose_vector_without_text(PointRecord& record) const {
  const Slot slot = shadow_switch_->slot;
  if (std::ranges::find(record.sources, slot, &SourceText::slot) != record.sources.end()) return false;
  return std::erase(record.slots, slot) > 0;
}

Status Reclaim::read_slot(const StoredTable& old_table, std::span<const std::pair<Ordinal, PointRecord>> rows, Slot slot,
                          RowVectors& vectors) const {
  std::vector<Ordinal> ordinals;
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (std::ranges::find(rows[i].second.slots, slot) == rows[i].second.slots.end()) continue;
    ordinals.push_back(rows[i].first);
    positions.push_back(i);
  }
  return old_table.read_vectors(slot, ordinals, [&](std::size_t i, std::string_view bytes) -> Status {
    vectors[positions[i]][slot] = bytes;
    return {};
  });
}

// In place of the vectors of the slot that is switched. Rows whose vector came without a text lose it.
Status Reclaim::read_shadows(const StoredTable& old_table, std::span<std::pair<Ordinal, PointRecord>> rows,
                             RowVectors& vectors) const {
  const Slot slot = shadow_switch_->slot;
  std::vector<Ordinal> ordinals;
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    PointRecord& record = rows[i].second;
    if (lose_vector_without_text(record)) {
      if (shadow_switch_->drop_without_text) continue;
      return fail(ErrorCode::kFailedPrecondition,
                  fmt::format("point {}: its vector came without a text and cannot be made anew", record.id.to_string()));
    }
    if (std::ranges::find(record.slots, slot) == record.slots.end()) continue;
    ordinals.push_back(rows[i].first);
    positions.push_back(i);
  }
  std::size_t found = 0;
  ORTHANT_TRY(old_table.read_vectors(shadow_of(slot), ordinals, [&](std::size_t i, std::string_view value) -> Status {
    const auto shadow = parse_shadow(value);
    if (!shadow || shadow->generation != shadow_switch_->generation) return {};
    vectors[positions[i]][slot] = shadow->bytes;
    ++found;
    return {};
  }));
  if (found == ordinals.size()) return {};
  return fail(ErrorCode::kUnavailable, fmt::format("{} texts are not encoded yet", ordinals.size() - found));
}

Status Reclaim::copy_shadows(const StoredTable& old_table, std::span<const std::pair<Ordinal, PointRecord>> rows,
                             StoreBatch& batch) const {
  const StoredTable new_table(store_, target_.table);
  for (Slot slot = 0; slot < target_.slot_names.size(); ++slot) {
    if (shadow_switch_ && slot == shadow_switch_->slot) continue;
    std::vector<Ordinal> ordinals;
    std::vector<std::size_t> positions;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (std::ranges::find(rows[i].second.sources, slot, &SourceText::slot) == rows[i].second.sources.end()) continue;
      ordinals.push_back(rows[i].first);
      positions.push_back(i);
    }
    ORTHANT_TRY(old_table.read_vectors(shadow_of(slot), ordinals, [&](std::size_t i, std::string_view value) -> Status {
      new_table.put_vector(batch, shadow_of(slot), next_ordinal_ + static_cast<Ordinal>(positions[i]), value);
      return {};
    }));
  }
  return {};
}

Status Reclaim::copy_chunk(const StoredTable& old_table, std::span<std::pair<Ordinal, PointRecord>> rows) {
  const StoredTable new_table(store_, target_.table);
  const std::size_t slot_count = target_.slot_names.size();
  RowVectors vectors(rows.size(), std::vector<std::string>(slot_count));
  for (Slot slot = 0; slot < slot_count; ++slot) {
    const bool from_shadows = shadow_switch_ && slot == shadow_switch_->slot;
    ORTHANT_TRY(from_shadows ? read_shadows(old_table, rows, vectors) : read_slot(old_table, rows, slot, vectors));
  }
  StoreBatch batch(store_);
  std::vector<std::vector<std::string_view>> views(rows.size(), std::vector<std::string_view>(slot_count));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& [old_ordinal, record] = rows[i];
    const Ordinal ordinal = next_ordinal_ + static_cast<Ordinal>(i);
    new_table.put_point(batch, ordinal, record);
    new_table.put_id(batch, record.id, ordinal);
    for (const Slot slot : record.slots) {
      if (vectors[i][slot].empty()) return data_corruption("point " + record.id.to_string() + ": a vector is missing");
      new_table.put_vector(batch, slot, ordinal, vectors[i][slot]);
      views[i][slot] = vectors[i][slot];
    }
    new_ordinals_.resize(old_ordinal, kNoOrdinal);
    new_ordinals_.push_back(ordinal);
  }
  ORTHANT_TRY(copy_shadows(old_table, rows, batch));
  // In the first round there is no view yet: it is built over all rows at once, in parallel.
  EncodedBatch encoded;
  if (view_) {
    encoded = ORTHANT_TRY(view_->encode(views));
    ORTHANT_TRY(view_->make_room(encoded.rows));
  }
  ORTHANT_TRY(store_.write(batch));
  if (view_) {
    FieldChanges fields;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      fields.added.push_back(view_->fields().read(next_ordinal_ + static_cast<Ordinal>(i), rows[i].second.payload));
    }
    view_->fields().apply(std::move(fields));
    ORTHANT_TRY(view_->append(encoded));
  }
  next_ordinal_ += static_cast<Ordinal>(rows.size());
  return {};
}

Status Reclaim::follow_burials(const StoredTable& old_table, const RowJournal& journal) {
  if (journal.burials.empty()) return {};
  const StoredTable new_table(store_, target_.table);
  StoreBatch batch(store_);
  std::vector<Ordinal> whole_rows;
  for (const auto& [slot, old_ordinal] : journal.burials) {
    if (slot == kAllSlots) whole_rows.push_back(old_ordinal);
    if (new_ordinal(old_ordinal) != kNoOrdinal) new_table.bury(batch, slot, new_ordinal(old_ordinal));
  }
  // An id that leads nowhere now was deleted; one that leads to a newer row is set when that row is copied.
  std::vector<PointId> ids;
  for (const PointRecord& record : ORTHANT_TRY(old_table.read_points(whole_rows))) ids.push_back(record.id);
  const std::vector<Ordinal> now = ORTHANT_TRY(old_table.find(ids));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (now[i] == kNoOrdinal) new_table.remove_id(batch, ids[i]);
  }
  ORTHANT_TRY(store_.write(batch));
  std::vector<std::pair<Slot, Ordinal>> burials;
  for (const auto& [slot, old_ordinal] : journal.burials) {
    if (new_ordinal(old_ordinal) != kNoOrdinal) burials.emplace_back(slot, new_ordinal(old_ordinal));
  }
  view_->bury(burials);
  return {};
}

Status Reclaim::follow_rewritten(const StoredTable& old_table, const RowJournal& journal) {
  std::vector<Ordinal> old_ordinals;
  for (const Ordinal ordinal : journal.rewritten) {
    if (new_ordinal(ordinal) != kNoOrdinal) old_ordinals.push_back(ordinal);
  }
  if (old_ordinals.empty()) return {};
  const StoredTable new_table(store_, target_.table);
  StoreBatch batch(store_);
  std::ranges::sort(old_ordinals);
  old_ordinals.erase(std::ranges::unique(old_ordinals).begin(), old_ordinals.end());
  std::vector<Ordinal> new_ordinals;
  for (const Ordinal ordinal : old_ordinals) new_ordinals.push_back(new_ordinal(ordinal));
  const std::vector<PointRecord> records = ORTHANT_TRY(old_table.read_points(old_ordinals));
  const std::vector<PointRecord> before = ORTHANT_TRY(new_table.read_points(new_ordinals));
  FieldChanges fields;
  for (std::size_t i = 0; i < records.size(); ++i) {
    PointRecord record = without_removed_slots(records[i]);
    if (shadow_switch_) lose_vector_without_text(record);
    new_table.put_point(batch, new_ordinals[i], record);
    fields.edited.emplace_back(view_->fields().read(new_ordinals[i], before[i].payload),
                               view_->fields().read(new_ordinals[i], records[i].payload));
  }
  ORTHANT_TRY(store_.write(batch));
  view_->fields().apply(std::move(fields));
  return {};
}

// Rows copied before their shadow came.
Status Reclaim::follow_shadows(const StoredTable& old_table, const RowJournal& journal) {
  if (journal.shadowed.empty()) return {};
  const StoredTable new_table(store_, target_.table);
  StoreBatch batch(store_);
  for (const auto& [slot, old_ordinal] : journal.shadowed) {
    const Ordinal ordinal = new_ordinal(old_ordinal);
    if (ordinal == kNoOrdinal || !target_.slot_names.has(slot)) continue;
    if (shadow_switch_ && slot == shadow_switch_->slot) continue;
    ORTHANT_TRY(old_table.read_vectors(shadow_of(slot), {&old_ordinal, 1}, [&](std::size_t, std::string_view value) -> Status {
      new_table.put_vector(batch, shadow_of(slot), ordinal, value);
      return {};
    }));
  }
  return store_.write(batch);
}

}  // namespace orthant
