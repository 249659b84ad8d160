// The writer's side of a collection: everything here runs on its strand, one task at a time.

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "base/log.h"
#include "base/metrics.h"
#include "engine/collection/collection_impl.h"
#include "engine/collection/shadow_vectors.h"

namespace orthant {
namespace {

// What a change of the configuration may not touch.
Status check_fixed(const CollectionConfig& before, const CollectionConfig& after) {
  for (const auto& [name, vector] : after.vectors) {
    if (Status valid = validate(vector); !valid) return with_context(fmt::format("vectors.{}", name), std::move(valid).error());
    const auto known = before.vectors.find(name);
    if (known == before.vectors.end()) continue;
    const VectorConfig& old = known->second;
    const IndexConfig& index = vector.index;
    if (vector.kind != old.kind || vector.datatype != old.datatype || index.dim != old.index.dim ||
        index.metric != old.index.metric || index.form != old.index.form) {
      return invalid_argument(fmt::format("vectors.{}: size, distance and form cannot be changed", name));
    }
  }
  return {};
}

// Leaves out the points of lines that are done already, and notes the part's lines as done.
BulkProgress take_bulk_part(WriteOp& op, const BulkPart& part, BulkProgress progress) {
  auto& points = std::get<UpsertOp>(op).points;
  std::size_t position = 0;
  std::erase_if(points, [&](const PreparedPoint&) { return progress.has(part.point_lines.at(position++)); });
  progress.accepted += points.size();
  progress.rejected += static_cast<std::uint64_t>(
      std::ranges::count_if(part.rejected_lines, [&](std::uint64_t line) { return !progress.has(line); }));
  progress.add(part.lines);
  progress.finished = progress.finished || part.ends;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  progress.updated_ms = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  return progress;
}

// Vectors that both have are indexed in the same way.
bool same_indexes(const CollectionConfig& before, const CollectionConfig& after) {
  return std::ranges::all_of(after.vectors, [&before](const auto& vector) {
    const auto known = before.vectors.find(vector.first);
    return known == before.vectors.end() ||
           (known->second.index == vector.second.index && known->second.modifier == vector.second.modifier);
  });
}

// The slots of a record whose configuration has names that its slots do not have yet, or lacks some of theirs.
struct SlotChange {
  std::vector<std::string> added;
  std::vector<Slot> removed;
};
Result<SlotChange> follow_names(CollectionRecord& record) {
  SlotChange change;
  for (Slot slot = 0; slot < record.slot_names.size(); ++slot) {
    if (!record.slot_names.has(slot) || record.config.vectors.contains(record.slot_names[slot])) continue;
    record.slot_names.remove(slot);
    change.removed.push_back(slot);
  }
  for (const auto& [name, vector] : record.config.vectors) {
    if (record.slot_names.find(name)) continue;
    if (record.slot_names.size() + 1 >= kFirstShadowSlot) return invalid_argument("vectors: too many names have come and gone");
    record.slot_names.add(name);
    change.added.push_back(name);
  }
  return change;
}

}  // namespace

void Collection::Impl::run(WriteCommand command, WriteDone done) {
  std::vector<std::uint64_t> operation_ids;
  for (WriteOp& op : command.ops) {
    Status admitted = command.admit ? command.admit() : Status();
    if (!admitted) return done(std::unexpected<Error>(std::move(admitted).error()));
    Result<std::uint64_t> applied = apply(std::move(op), command.bulk_part ? &*command.bulk_part : nullptr);
    if (!applied) {
      environment.syncer.note_write();  // of the operations before this one
      return done(std::unexpected<Error>(std::move(applied).error()));
    }
    operation_ids.push_back(*applied);
  }
  const bool synced = command.wait_for_sync || environment.sync_every_write;
  answer(synced, [done = std::move(done), operation_ids = std::move(operation_ids)](Status status) mutable {
    if (!status) return done(std::unexpected<Error>(std::move(status).error()));
    done(std::move(operation_ids));
  });
  if (const auto current = view()) keep_up(*current);
}

void Collection::Impl::answer(bool synced, std::move_only_function<void(Status)> done) {
  if (!synced) {
    environment.syncer.note_write();
    return done({});
  }
  environment.syncer.when_synced([&pool = environment.write_pool, done = std::move(done)](Status status) mutable {
    // The syncer's thread has the next sync to do; a stopping pool leaves the answer to it.
    auto shared = std::make_shared<std::move_only_function<void(Status)>>(std::move(done));
    if (!pool.submit_continuation([shared, status] { (*shared)(status); })) (*shared)(status);
  });
}

Result<std::uint64_t> Collection::Impl::apply(WriteOp op, const BulkPart* bulk_part) {
  ORTHANT_TRY(check_in_charge());
  const std::shared_ptr<TableView> current = ORTHANT_TRY(view());
  const std::uint64_t operation_id = last_operation_ + 1;
  std::optional<BulkProgress> bulk;
  bool bulk_is_new = false;
  if (bulk_part != nullptr) {
    bulk = ORTHANT_TRY(read_bulk_progress(environment.store, name, bulk_part->operation));
    bulk_is_new = !bulk;
    bulk = take_bulk_part(op, *bulk_part, std::move(bulk).value_or(BulkProgress()));
  }
  ORTHANT_TRY(settle_generations(op, record_));  // which only this thread changes
  op = ORTHANT_TRY(resolve(std::move(op), *current, &environment.search_pool));
  Change change = ORTHANT_TRY(build_change(op, *current, operation_id, shadowed_slots()));
  if (bulk) ORTHANT_TRY(put_bulk_progress(change.batch, environment.store, name, bulk_part->operation, *bulk, bulk_is_new));
  // What the store has taken must find room in the indexes.
  ORTHANT_TRY(current->make_room(change.rows.rows));
  const TableView::WriteInProgress in_progress(*current);
  ORTHANT_TRY(environment.store.write(change.batch));
  last_operation_ = operation_id;
  publish(*current, change);
  return operation_id;
}

void Collection::Impl::publish(TableView& current, Change& change) {
  static Counter& rows =
      counter("orthant_rows_written_total", "Rows appended to collections: new points and new versions of points.");
  static Counter& operations = counter("orthant_write_operations_total", "Write operations applied to collections.");
  rows.add(change.rows.rows);
  operations.add();
  current.fields().apply(std::move(change.fields));
  if (change.rows.rows > 0) ignore_error(current.append(change.rows), "apply() has made room for them");
  current.bury(change.burials);
  if (journal_) {
    journal_->burials.insert(journal_->burials.end(), change.burials.begin(), change.burials.end());
    journal_->rewritten.insert(journal_->rewritten.end(), change.rewritten.begin(), change.rewritten.end());
  }
  if (field_journal_) field_journal_->insert(field_journal_->end(), change.rewritten.begin(), change.rewritten.end());
  version.fetch_add(1, std::memory_order_release);
}

Status Collection::Impl::change_config(std::move_only_function<Status(CollectionConfig&)> change) {
  ORTHANT_TRY(check_in_charge());
  const std::shared_ptr<TableView> current = ORTHANT_TRY(view());
  const CollectionRecord before = record();
  CollectionRecord changed = before;
  ORTHANT_TRY(change(changed.config));
  ORTHANT_TRY(check_fixed(before.config, changed.config));
  const SlotChange slots = ORTHANT_TRY(follow_names(changed));
  const bool rebuild = !same_indexes(before.config, changed.config);
  StoreBatch batch(environment.store);
  put_collection(batch, name, changed);
  ORTHANT_TRY(environment.store.write(batch));
  {
    std::lock_guard lock(state_mutex_);
    record_ = changed;
  }
  remove_abandoned_shadows(before, *current);
  for (const Slot slot : slots.removed) current->remove_slot(slot);
  for (const std::string& added : slots.added) ORTHANT_TRY(current->add_slot(added, changed.config.vectors.at(added)));
  const bool names_changed = !slots.removed.empty() || !slots.added.empty();
  if (names_changed) version.fetch_add(1, std::memory_order_release);  // filters ask whether points have vectors
  if (names_changed && journal_) rebuild_wanted_ = true;               // the table that is being made has other slots
  update_fields();
  // Indexes keep the configuration they were made with, so new ones are made, by the way that also reclaims rows.
  if (!rebuild) return {};
  if (journal_ || field_journal_) {
    rebuild_wanted_ = true;
    return {};
  }
  start_reclaim([this_name = name](Status result) {
    if (!result) log_warning(fmt::format("collection {}: rebuilding indexes: {}", this_name, result.error().message));
  });
  return {};
}

Status Collection::Impl::check_in_charge() const {
  if (!yielded_) return {};
  return fail(ErrorCode::kUnavailable, fmt::format("Collection `{}` was replaced by a snapshot, ask again", name));
}

// The view stays for readers that hold this collection still; the last of them removes its table.
Status Collection::Impl::yield_to(const CollectionRecord& successor) {
  ORTHANT_TRY(check_in_charge());
  const std::shared_ptr<TableView> current = ORTHANT_TRY(view());
  StoreBatch batch(environment.store);
  put_collection(batch, name, successor);
  ORTHANT_TRY(remove_bulk_operations(batch, environment.store, name));
  ORTHANT_TRY(environment.store.write(batch));
  yielded_ = true;
  current->retire();
  forget_quality();
  return {};
}

Status Collection::Impl::drop(const std::vector<std::string>& aliases) {
  ORTHANT_TRY(check_in_charge());
  const std::shared_ptr<TableView> current = ORTHANT_TRY(view());
  StoreBatch batch(environment.store);
  remove_collection(batch, name);
  ORTHANT_TRY(remove_bulk_operations(batch, environment.store, name));
  for (const std::string& alias : aliases) remove_alias(batch, alias);
  ORTHANT_TRY(environment.store.write(batch));
  current->retire();
  forget_quality();
  std::lock_guard lock(state_mutex_);
  view_.reset();
  return {};
}

}  // namespace orthant
