// What a growing or ageing table needs beside its writes: reclaiming, and for its indexes structures, calibration and snapshots.

#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "base/metrics.h"
#include "engine/collection/collection_impl.h"

namespace orthant {
namespace {

// And more than three tenths of the table.
bool worth_reclaiming(const TableView& view, const UpkeepLimits& limits) {
  return view.buried_count() >= limits.reclaim_rows && view.buried_count() * 10 > std::uint64_t{view.row_count()} * 3;
}

bool worth_a_snapshot(const TableView& view, const UpkeepLimits& limits) {
  return view.rows_since_snapshot() >= std::max(limits.snapshot_growth, view.row_count() / 2);
}

bool needs_work(const VectorIndex& index) {
  return index.needs_training() || index.needs_build() || index.needs_calibration();
}

bool needs_work(const TableView& view, const UpkeepLimits& limits) {
  for (Slot slot = 0; slot < view.slot_count(); ++slot) {
    if (needs_work(*view.index(slot))) return true;
  }
  return worth_a_snapshot(view, limits);
}

// A structure takes in some seconds' rows a round, so that a dropped collection and the end of the process do not wait for it.
Status bring_up_to_date(VectorIndex& index, const CollectionEnvironment& environment, const TableView& view) {
  while (index.needs_build() && !environment.stopping.load(std::memory_order_relaxed) && !view.is_retired()) {
    ORTHANT_TRY(index.build(&environment.background_pool, environment.stopping));
  }
  if (environment.stopping.load(std::memory_order_relaxed) || view.is_retired() || !index.needs_calibration()) return {};
  return index.calibrate(&environment.background_pool);
}

// Rows that the writer may encode by itself when a newly trained index takes over.
constexpr Ordinal kShortTakeover = 1'000;

}  // namespace

void Collection::Impl::keep_up(const std::shared_ptr<TableView>& current) {
  start_upkeep(current);
  if (!journal_ && !field_journal_ && worth_reclaiming(*current, environment.limits) &&
      current->buried_count() >= next_reclaim_at_) {
    start_reclaim([this_name = name](Status result) {
      if (!result && result.error().code != ErrorCode::kCancelled) {
        log_warning(fmt::format("collection {}: reclaiming buried rows: {}", this_name, result.error().message));
      }
    });
  }
}

// One task at a time. Rows that come meanwhile are looked at when it ends.
void Collection::Impl::start_upkeep(const std::shared_ptr<TableView>& current) {
  if (!needs_work(*current, environment.limits) || upkeep_runs_.exchange(true)) return;
  Status submitted = environment.background_pool.submit([self = shared_from_this(), current] {
    const Ordinal rows = current->row_count();
    for (Slot slot = 0; slot < current->slot_count(); ++slot) {
      if (Status done = self->work_on(current, slot); !done && done.error().code != ErrorCode::kCancelled) {
        log_warning(
            fmt::format("collection {}: index of vector \"{}\": {}", self->name, self->slot_names[slot], done.error().message));
      }
    }
    if (!current->is_retired() && worth_a_snapshot(*current, self->environment.limits)) {
      if (Status saved = current->save_snapshots(self->environment.limits); !saved) {
        log_warning(fmt::format("collection {}: index snapshot not saved: {}", self->name, saved.error().message));
      }
    }
    self->upkeep_runs_.store(false);
    if (current->row_count() != rows && !current->is_retired()) self->start_upkeep(current);
  });
  if (!submitted) upkeep_runs_.store(false);  // asked again after the next write
}

Status Collection::Impl::work_on(const std::shared_ptr<TableView>& current, Slot slot) {
  const std::shared_ptr<VectorIndex> index = current->index(slot);
  if (index->needs_training() && !current->is_retired()) return train(current, slot, index);
  return bring_up_to_date(*index, environment, *current);
}

// The successor is whole, calibrated and within some rows of the index when the writer makes the switch.
Status Collection::Impl::train(const std::shared_ptr<TableView>& current, Slot slot, const std::shared_ptr<VectorIndex>& index) {
  ThreadPool* pool = &environment.background_pool;
  std::shared_ptr<VectorIndex> successor = ORTHANT_TRY(index->retrained(pool, environment.stopping));
  if (!successor) return bring_up_to_date(*index, environment, *current);
  ORTHANT_TRY(successor->take_over(*index, pool));
  ORTHANT_TRY(bring_up_to_date(*successor, environment, *current));
  while (index->row_count() - successor->row_count() > kShortTakeover) ORTHANT_TRY(successor->take_over(*index, pool));
  return strand.submit_continuation([self = shared_from_this(), current, slot, index, successor] {
    if (current->is_retired() || current->index(slot) != index) return;
    if (Status taken = successor->take_over(*index, nullptr); !taken) {
      log_warning(fmt::format("collection {}: newly trained codes are not used: {}", self->name, taken.error().message));
      return;
    }
    current->replace_index(slot, successor);
    static Counter& trainings = counter("orthant_index_trainings_total", "Indexes encoded anew by a newly trained quantizer.");
    trainings.add();
    self->start_upkeep(current);
  });
}

}  // namespace orthant
