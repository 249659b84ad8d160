#pragma once
// TableView: a table of the store made searchable: one SlotIndex a slot, the field indexes of payloads and the set of buried
// rows. A view in the strict sense: all of it follows from the store (recovery) and may be thrown away.
//
// Held by shared_ptr: the collection has the current one, a running search keeps the one it began on. When a reclaim or the
// deletion of the collection has retired a view, the last holder removes the table from the store.
//
// Threads: everything const and save_snapshots() from any thread; append(), bury(), replace_index(), add_slot(), remove_slot() and
// what writes field indexes from the collection's writer, one at a time.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "engine/collection/catalog.h"
#include "engine/collection/slot_index.h"
#include "engine/payload/field_indexes.h"
#include "engine/storage/float_vectors.h"
#include "engine/storage/stored_table.h"
#include "index/row_bits.h"
#include "index/vector_index.h"

namespace orthant {

// Rows of one write, encoded for every slot; made before the write is committed, because encoding can fail and appending cannot.
struct EncodedBatch {
  Ordinal rows = 0;
  std::vector<std::shared_ptr<const SlotRows>> by_slot;  // null where the slot's name was removed
};

// When upkeep is worth its cost. Tests set them low.
struct UpkeepLimits {
  // Smaller tables get no index snapshot: rebuilding them takes less than a second.
  Ordinal snapshot_rows = 20'000;
  // Rows in no snapshot, and half of the table, that make a new one worth while between restarts.
  Ordinal snapshot_growth = 100'000;
  // Fewer buried rows are left alone, whatever their share.
  std::uint64_t reclaim_rows = 4096;
};

class TableView {
 public:
  // Brings the view of record.table up: from an index snapshot in `index_path` and the rows after it, or from the store alone.
  // `pool` (may be null) is used for large tables. Codes on disk live in `index_path` too; `budget` (may be null) outlives the
  // view.
  static Result<std::shared_ptr<TableView>> open(Store& store, const CollectionRecord& record,
                                                 const std::filesystem::path& index_path, ThreadPool* pool,
                                                 MemoryBudget* budget = nullptr);
  ~TableView();
  TableView(const TableView&) = delete;
  TableView& operator=(const TableView&) = delete;

  const StoredTable& table() const { return table_; }
  std::size_t slot_count() const { return slot_names()->size(); }
  // Names come and go (add_slot, remove_slot): keep these for the whole of a request.
  std::shared_ptr<const SlotNames> slot_names() const {
    const std::lock_guard lock(index_mutex_);
    return slot_names_;
  }
  // invalid_argument for a name that there is not.
  Result<Slot> slot_of(std::string_view vector_name) const;
  // The index that serves now; null once the slot's name was removed. Another may take its place (replace_index): keep this one for
  // the whole of a search.
  std::shared_ptr<SlotIndex> slot(Slot slot) const {
    const std::lock_guard lock(index_mutex_);
    if (slot >= slots_.size() || !slots_[slot]) return nullptr;
    return {slots_[slot], slots_[slot]->index.get()};
  }
  // The dense index of the slot; null for other kinds, and once its name was removed.
  std::shared_ptr<VectorIndex> index(Slot slot) const;
  // Writer only. A new name, whose vector no row has yet; and the end of one, whose values leave the store with the last search.
  Status add_slot(const std::string& name, const VectorConfig& config);
  void remove_slot(Slot slot);
  // Writer only. `index` holds the same rows and burials as the one before it, which running searches finish on.
  void replace_index(Slot slot, std::shared_ptr<VectorIndex> index);

  Ordinal row_count() const { return row_count_.load(std::memory_order_acquire); }
  std::uint64_t live_count() const { return row_count() - buried_count_.load(std::memory_order_relaxed); }
  std::uint64_t buried_count() const { return buried_count_.load(std::memory_order_relaxed); }
  // The whole row; a row may have lost a single vector without being buried.
  bool is_buried(Ordinal ordinal) const { return buried_.test(ordinal); }
  // Takes the buried rows out.
  void keep_live(Bitmap& rows) const;

  // `vectors[i][slot]`: the encoded bytes of row i, empty where the row lacks the vector.
  Result<EncodedBatch> encode(std::span<const std::vector<std::string_view>> vectors) const;
  // Makes sure that append() will find room for so many rows: before they are written to the store, which has no way back. io_error
  // when codes live on disk and it is full.
  Status make_room(Ordinal rows);
  // The rows get the ordinals row_count(), ...; the row count is published last. Fails only where make_room() would have.
  Status append(const EncodedBatch& batch);
  // kAllSlots: the whole row.
  void bury(std::span<const std::pair<Slot, Ordinal>> burials);

  // Of payloads. Rows are entered before append() publishes them.
  const FieldIndexes& fields() const { return fields_; }
  FieldIndexes& fields() { return fields_; }

  // Writes the indexes of tables that are worth it beside each other into `index_path`.
  Status save_snapshots(const UpkeepLimits& limits);
  // Rows that a restart would have to encode again because no snapshot holds them.
  Ordinal rows_since_snapshot() const { return row_count() - snapshot_rows_.load(std::memory_order_relaxed); }
  // The snapshots lack what an index has learned since, which a restart would have to find out again. Any thread.
  void outdate_snapshots() { snapshot_rows_.store(0, std::memory_order_relaxed); }

  // While one lives the store may know of rows and burials that the view does not show yet. Writer.
  class WriteInProgress {
   public:
    explicit WriteInProgress(TableView& view) : view_(view) { view_.write_moment_.fetch_add(1); }
    ~WriteInProgress() { view_.write_moment_.fetch_add(1); }
    WriteInProgress(const WriteInProgress&) = delete;
    WriteInProgress& operator=(const WriteInProgress&) = delete;

   private:
    TableView& view_;
  };
  // Odd while a write is in progress. Store and view agreed from one call to another when both gave the same even number.
  std::uint64_t write_moment() const { return write_moment_.load(); }

  // The table is to be removed from the store when the last holder lets go.
  void retire() { retired_.store(true, std::memory_order_release); }
  bool is_retired() const { return retired_.load(std::memory_order_acquire); }

 private:
  // Held by the view and by the searches that use its index.
  struct SlotHolder {
    SlotHolder(StoredTable slots_table, Slot number, std::shared_ptr<SlotIndex> slots_index)
        : table(std::move(slots_table)), slot(number), index(std::move(slots_index)) {}
    ~SlotHolder();
    SlotHolder(const SlotHolder&) = delete;
    SlotHolder& operator=(const SlotHolder&) = delete;

    const StoredTable table;
    const Slot slot;
    std::shared_ptr<SlotIndex> index;
    std::atomic<bool> removed{false};  // the last holder takes the values from the store
  };

  TableView(StoredTable table, std::filesystem::path index_path, MemoryBudget* budget);
  std::filesystem::path snapshot_file(Slot slot) const;
  Status load_burials();
  Status build_field_indexes(const FieldSchemas& schemas, ThreadPool* pool);
  void hold(Slot slot, std::shared_ptr<SlotIndex> index);
  Result<std::shared_ptr<SlotIndex>> open_slot(Slot slot, const VectorConfig& config, ThreadPool* pool);
  Result<std::shared_ptr<SlotIndex>> open_dense(Slot slot, const VectorConfig& config, ThreadPool* pool);
  Result<std::unique_ptr<VectorIndex>> load_snapshot(Slot slot, const IndexConfig& config, const FloatVectors* floats) const;
  Status catch_up(Slot slot, SlotIndex& index);
  Result<std::shared_ptr<const SlotRows>> encode_slot(Slot slot, std::span<const std::vector<std::string_view>> vectors) const;

  const StoredTable table_;
  const std::filesystem::path index_path_;
  const IndexHome home_;
  // Changed by the writer under index_mutex_; the writer reads them without.
  std::vector<std::shared_ptr<SlotHolder>> slots_;  // null where the name was removed
  std::shared_ptr<const SlotNames> slot_names_ = std::make_shared<SlotNames>();
  mutable std::mutex index_mutex_;
  FieldIndexes fields_;
  RowBits buried_;
  std::atomic<Ordinal> row_count_{0};
  std::atomic<Ordinal> buried_count_{0};
  std::mutex snapshot_mutex_;  // one saves at a time
  std::atomic<Ordinal> snapshot_rows_{0};
  // Buried rows are left out of a rebuild; a snapshot's rows are all asked for, whatever was buried since. Set while opening only.
  bool rebuilding_ = false;
  std::atomic<std::uint64_t> write_moment_{0};
  std::atomic<bool> retired_{false};
};

}  // namespace orthant
