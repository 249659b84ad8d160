// What a growing or ageing table needs beside its writes: reclaiming, and for its indexes structures, calibration and snapshots.

#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
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
  return index.needs_build() || index.needs_calibration();
}

bool needs_work(const TableView& view, const UpkeepLimits& limits) {
  for (Slot slot = 0; slot < view.slot_count(); ++slot) {
    if (needs_work(view.index(slot))) return true;
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

// One task at a time. What comes up meanwhile is seen after the next write.
void Collection::Impl::start_upkeep(const std::shared_ptr<TableView>& current) {
  if (!needs_work(*current, environment.limits) || upkeep_runs_.exchange(true)) return;
  Status submitted = environment.background_pool.submit([self = shared_from_this(), current] {
    for (Slot slot = 0; slot < current->slot_count(); ++slot) {
      if (Status done = bring_up_to_date(current->index(slot), self->environment, *current); !done) {
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
  });
  if (!submitted) upkeep_runs_.store(false);  // asked again after the next write
}

}  // namespace orthant
