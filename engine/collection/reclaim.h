#pragma once
// Reclaim: the live rows of a table copied to a new table with new ordinals, while writes to the old one go on.
//
// Each round copies what happened up to one moment of the store: the rows appended since the last round and, from the writer's
// journal, the burials and rewritten records of rows copied before. Moment and journal are taken together on the writer's strand,
// so a round leaves the new table equal to the old one at that moment. The first round copies everything in the background; the
// last one is short and runs on the strand, so that nothing happens between it and the switch.
//
// Used by one thread at a time.

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "engine/collection/catalog.h"
#include "engine/collection/table_view.h"

namespace orthant {

// What a writer does to rows that exist already.
struct RowJournal {
  std::vector<std::pair<Slot, Ordinal>> burials;
  std::vector<Ordinal> rewritten;
  std::vector<std::pair<Slot, Ordinal>> shadowed;  // rows that were given a shadow of this slot
  std::size_t size() const { return burials.size() + rewritten.size() + shadowed.size(); }
};

// A reclaim whose new table has the shadows of a slot as its vectors.
struct ShadowSwitch {
  Slot slot = 0;
  std::uint32_t generation = 0;
  bool drop_without_text = false;
};

class Reclaim {
 public:
  // `target` is the new record; its table number is given here.
  Reclaim(Store& store, CollectionRecord target, std::filesystem::path index_path, ThreadPool* pool, MemoryBudget* budget,
          const std::atomic<bool>& stopping, std::optional<ShadowSwitch> shadow_switch = {})
      : shadow_switch_(shadow_switch),
        store_(store),
        target_(std::move(target)),
        index_path_(std::move(index_path)),
        pool_(pool),
        budget_(budget),
        stopping_(stopping) {}
  // Retires the new table unless the switch was made.
  ~Reclaim();
  Reclaim(const Reclaim&) = delete;
  Reclaim& operator=(const Reclaim&) = delete;

  // Brings the new table to the moment of `old_table` (frozen), which has `row_count` rows. `journal` holds what happened since the
  // last round. cancelled when the process is stopping; unavailable when a shadow is missing that the new table needs.
  Status run_round(const StoredTable& old_table, Ordinal row_count, const RowJournal& journal);

  Ordinal rows_done() const { return static_cast<Ordinal>(new_ordinals_.size()); }
  TableNumber table() const { return target_.table; }
  const SlotNames& slot_names() const { return target_.slot_names; }
  const std::shared_ptr<TableView>& view() const { return view_; }
  void mark_switched() { switched_ = true; }
  const std::optional<ShadowSwitch>& shadow_switch() const { return shadow_switch_; }

 private:
  Status create_target();
  Status copy_rows(const StoredTable& old_table, Ordinal first, Ordinal last);
  PointRecord without_removed_slots(PointRecord record) const;
  Status copy_chunk(const StoredTable& old_table, std::span<std::pair<Ordinal, PointRecord>> rows);
  using RowVectors = std::vector<std::vector<std::string>>;  // [row][slot]
  Status read_slot(const StoredTable& old_table, std::span<const std::pair<Ordinal, PointRecord>> rows, Slot slot,
                   RowVectors& vectors) const;
  Status read_shadows(const StoredTable& old_table, std::span<std::pair<Ordinal, PointRecord>> rows, RowVectors& vectors) const;
  Status copy_shadows(const StoredTable& old_table, std::span<const std::pair<Ordinal, PointRecord>> rows, StoreBatch& batch) const;
  bool lose_vector_without_text(PointRecord& record) const;
  Status follow_shadows(const StoredTable& old_table, const RowJournal& journal);
  Status follow_burials(const StoredTable& old_table, const RowJournal& journal);
  Status follow_rewritten(const StoredTable& old_table, const RowJournal& journal);
  Ordinal new_ordinal(Ordinal old) const { return old < new_ordinals_.size() ? new_ordinals_[old] : kNoOrdinal; }

  const std::optional<ShadowSwitch> shadow_switch_;
  Store& store_;
  CollectionRecord target_;
  const std::filesystem::path index_path_;
  ThreadPool* const pool_;
  MemoryBudget* const budget_;
  const std::atomic<bool>& stopping_;
  Ordinal next_ordinal_ = 0;
  std::vector<Ordinal> new_ordinals_;  // by old ordinal; kNoOrdinal where the row was not live
  std::shared_ptr<TableView> view_;    // from the end of the first round on
  bool switched_ = false;
};

}  // namespace orthant
