#pragma once
// StoredTable: one table of the store as records: rows by ordinal, ids, vectors, burials. A light handle (store, number, moment);
// copies are cheap. Reads may be called from any thread; writes go into a batch that the caller commits.
//
// What makes the index a view. Rows are appended at ordinals 0, 1, 2, ... without gaps and stay readable until the whole table is
// dropped; what a write takes away it marks with a burial, which stays as long as the row. So the state is a function of the store
// at any time: rows [0, row_count()) without the burials. An index snapshot that holds the rows [0, n) is brought up to date by the
// rows from n on and by all burials (burying twice is harmless); no change log is needed beside. Readers that found an ordinal just
// before it was buried still find its record, so a search never meets a hole.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/storage/point_record.h"
#include "engine/storage/store.h"

namespace orthant {

class StoredTable {
 public:
  // `store` must outlive the table. With a snapshot all reads see its moment.
  StoredTable(Store& store, TableNumber number, std::shared_ptr<const StoreSnapshot> snapshot = nullptr)
      : store_(&store), number_(number), snapshot_(std::move(snapshot)) {}

  TableNumber number() const { return number_; }
  Store& store() const { return *store_; }
  // Null: the present.
  const StoreSnapshot* moment() const { return snapshot_.get(); }
  // The same table seen at the present moment for as long as the result lives.
  StoredTable frozen() const { return {*store_, number_, store_->snapshot()}; }

  // ---- reads ----
  // kNoOrdinal where an id is unknown.
  Result<std::vector<Ordinal>> find(std::span<const PointId> ids) const;
  // Records in the order of `ordinals`, all of which must exist (data_corruption otherwise).
  Result<std::vector<PointRecord>> read_points(std::span<const Ordinal> ordinals) const;
  // Buried rows included. False from visit ends the scan.
  Status scan_points(Ordinal first, Ordinal last,
                     const std::function<bool(Ordinal ordinal, const PointRecordView& record)>& visit) const;
  // Live points only, by ascending id.
  Status scan_ids(const std::optional<PointId>& from, const std::function<bool(const PointId& id, Ordinal ordinal)>& visit) const;
  // kAllSlots: rows buried whole; a slot: rows that lost this vector only.
  Status scan_burials(Slot slot, const std::function<void(Ordinal ordinal)>& visit) const;
  // Encoded vectors (floats, or the users' codes) of rows that have the slot, buried or not.
  Status scan_vectors(Slot slot, Ordinal first, Ordinal last,
                      const std::function<bool(Ordinal ordinal, std::string_view bytes)>& visit) const;
  // Calls visit(i, bytes) for each of `ordinals` that has the vector, in any order.
  Status read_vectors(Slot slot, std::span<const Ordinal> ordinals,
                      const std::function<Status(std::size_t i, std::string_view bytes)>& visit) const;
  Result<Ordinal> row_count() const;
  // 0 when nothing was written yet.
  Result<std::uint64_t> last_operation() const;
  // What the rows' records take, buried ones included; of each row at least a block of 128 bytes, which is what Qdrant's payload
  // storage counts. An estimate.
  std::uint64_t record_bytes() const;

  // ---- writes ----
  void put_point(StoreBatch& batch, Ordinal ordinal, const PointRecord& record) const;
  void put_vector(StoreBatch& batch, Slot slot, Ordinal ordinal, std::string_view bytes) const;
  void put_id(StoreBatch& batch, const PointId& id, Ordinal ordinal) const;
  void remove_id(StoreBatch& batch, const PointId& id) const;
  void bury(StoreBatch& batch, Slot slot, Ordinal ordinal) const;
  // Takes the vectors of a slot out of the store at once.
  Status remove_vectors(Slot slot) const;
  void put_last_operation(StoreBatch& batch, std::uint64_t operation_id) const;

 private:
  Store* store_;
  TableNumber number_;
  std::shared_ptr<const StoreSnapshot> snapshot_;
};

// Records a new, empty table. Its number is never given again. From any thread.
Result<TableNumber> create_table(Store& store);
// All tables that exist, owned by a collection or not.
Result<std::vector<TableNumber>> list_tables(Store& store);
// Removes all that belongs to the table, at once and atomically.
Status drop_table(Store& store, TableNumber table);

}  // namespace orthant
