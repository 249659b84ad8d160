#pragma once
// A table out of the store and into a store, entry by entry: what snapshots of collections are made of. Entries come without the
// table's number, which the taking store gives anew.

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "engine/storage/stored_table.h"

namespace orthant {

// In this order: rows (points, then burials), ids, vectors; inside a family by key. An error of visit ends the export. `table` is
// frozen and held by the caller, so that nothing of it is removed meanwhile.
using TableEntryVisit = std::function<Status(Family family, std::string_view key, std::string_view value)>;
Status export_table(const StoredTable& table, const TableEntryVisit& visit);

// Fills a new table that no collection owns: a crash, or the destructor without keep(), leaves nothing of it. One thread at a time.
class TableImport {
 public:
  // Entries may name slots below `slot_count`.
  static Result<std::unique_ptr<TableImport>> begin(Store& store, std::size_t slot_count);
  ~TableImport();
  TableImport(const TableImport&) = delete;
  TableImport& operator=(const TableImport&) = delete;

  // In the order of export_table(). invalid_argument for entries that no table has; errors of the store.
  Status add(Family family, std::string_view key, std::string_view value);
  // What was added is in the store when this returns.
  Status finish(std::uint64_t last_operation);
  TableNumber table() const { return table_.number(); }
  void keep() { kept_ = true; }

 private:
  TableImport(Store& store, TableNumber table, std::size_t slot_count)
      : table_(store, table), batch_(store), slot_count_(slot_count) {}
  Status check(Family family, std::string_view key, std::string_view value);
  Status check_row(std::string_view key, std::string_view value);
  Status flush();

  const StoredTable table_;
  StoreBatch batch_;
  const std::size_t slot_count_;
  Ordinal rows_ = 0;
  Family last_family_ = Family::kRows;
  bool kept_ = false;
};

}  // namespace orthant
