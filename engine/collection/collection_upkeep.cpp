// What a growing or ageing table needs beside its writes: reclaiming, and for its indexes structures, calibration and snapshots.

#include <algorithm>
#include <string>

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
  return index.needs_training() || index.needs_move() || index.needs_build() || index.needs_calibration();
}

bool needs_work(const TableView& view, const UpkeepLimits& limits) {
  for (Slot slot = 0; slot < view.slot_count(); ++slot) {
    const std::shared_ptr<VectorIndex> index = view.index(slot);
    if (index && needs_work(*index)) return true;
  }
  return worth_a_snapshot(view, limits);
}

std::string described(const VectorIndex& index) {
  const IndexMemory memory = index.memory();
  return fmt::format("{} over {} rows, codes {} {}, {} MiB of memory, {} MiB of disk", index.structure(), index.structure_rows(),
                     index.code_residency() == CodeResidency::kDisk ? "on" : "in", code_residency_name(index.code_residency()),
                     memory.total() >> 20, memory.disk_bytes >> 20);
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
            fmt::format("collection {}: index of vector \"{}\": {}", self->name, self->slot_name(slot), done.error().message));
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
  if (!index) return {};
  if ((index->needs_training() || index->needs_move()) && !current->is_retired()) return succeed(current, slot, index);
  return bring_up_to_date(*current, slot, *index);
}

// A structure takes in some seconds' rows a round, so that a dropped collection and the end of the process do not wait for it.
Status Collection::Impl::bring_up_to_date(TableView& current, Slot slot, VectorIndex& index) {
  const std::string before(index.structure());
  while (index.needs_build() && !environment.stopping.load(std::memory_order_relaxed) && !current.is_retired()) {
    ORTHANT_TRY(index.build(&environment.background_pool, environment.stopping));
  }
  if (environment.stopping.load(std::memory_order_relaxed) || current.is_retired()) return {};
  if (index.structure() != before) {
    log_info(fmt::format("collection {}: vector \"{}\": {}", name, slot_name(slot), described(index)));
  }
  if (!index.needs_calibration()) return {};
  ORTHANT_TRY(index.calibrate(&environment.background_pool));
  // A successor outdates them when it takes over.
  if (current.index(slot).get() == &index) current.outdate_snapshots();
  return {};
}

// The successor has newly trained codes, or codes on disk; it is whole, calibrated and within some rows of the index when the
// writer makes the switch.
Status Collection::Impl::succeed(const std::shared_ptr<TableView>& current, Slot slot, const std::shared_ptr<VectorIndex>& index) {
  ThreadPool* pool = &environment.background_pool;
  const bool move = index->needs_move();
  std::shared_ptr<VectorIndex> successor =
      ORTHANT_TRY(move ? index->moved(pool, environment.stopping) : index->retrained(pool, environment.stopping));
  if (!successor) return bring_up_to_date(*current, slot, *index);
  if (move) {
    log_info(fmt::format("collection {}: vector \"{}\": its codes do not fit into memory any more and go to disk", name,
                         slot_name(slot)));
  }
  ORTHANT_TRY(successor->take_over(*index, pool));
  ORTHANT_TRY(bring_up_to_date(*current, slot, *successor));
  while (index->row_count() - successor->row_count() > kShortTakeover) ORTHANT_TRY(successor->take_over(*index, pool));
  return strand.submit_continuation([self = shared_from_this(), current, slot, index, successor, move] {
    if (current->is_retired() || current->index(slot) != index) return;
    if (Status taken = successor->take_over(*index, nullptr); !taken) {
      log_warning(fmt::format("collection {}: the index that was to take over is not used: {}", self->name, taken.error().message));
      return;
    }
    current->replace_index(slot, successor);
    static Counter& trainings = counter("orthant_index_trainings_total", "Indexes encoded anew by a newly trained quantizer.");
    if (!move) trainings.add();
    static Counter& moves = counter("orthant_index_moves_total", "Indexes whose codes went to disk because memory was short.");
    if (move) moves.add();
    self->start_upkeep(current);
  });
}

}  // namespace orthant
