#pragma once
// Filters over the rows of a table. Field indexes give the rows that match for certain and those that may; of the latter, and where
// no index helps of all rows, the payloads are evaluated as they stand in the store, in parallel. The result is kept as a bitmap of
// rows while the collection does not change.

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/bitmap.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "engine/collection/explanation.h"
#include "engine/collection/table_view.h"
#include "engine/payload/field_indexes.h"
#include "engine/payload/filter_evaluator.h"

namespace orthant {

bool is_empty(const Filter& filter);

// A filter ready to be asked about stored records. Immutable; any number of threads. `slot_names` must outlive it.
class RowFilter {
 public:
  // invalid_argument when a key is no JSON path. Text conditions take the options of the view's text indexes.
  static Result<RowFilter> compile(const Filter& filter, const SlotNames& slot_names, const TextFields& text_fields);
  bool matches(const PointRecordView& record) const;
  bool matches(const PointRecord& record) const;

 private:
  RowFilter(FilterEvaluator evaluator, const SlotNames& slot_names) : evaluator_(std::move(evaluator)), slot_names_(&slot_names) {}
  template <typename HasSlot>
  bool matches(const PointId& id, std::string_view payload, const HasSlot& has_slot) const;

  FilterEvaluator evaluator_;
  const SlotNames* slot_names_;
};

// What indexes know of the live rows that match, over view.row_count() rows. `fields` are the view's.
Result<RowBounds> bounds_of(const TableView& view, const FieldIndexes::Fields& fields, const Filter& filter);

// The live rows that match, as a bitmap over view.row_count() rows. `pool` and `trace` may be null; of the trace, what answered and
// how many payloads were read is filled in.
Result<Bitmap> matching_rows(const TableView& view, const Filter& filter, ThreadPool* pool, FilterTrace* trace = nullptr);

// The conditions of the filter's top level, each by itself.
Result<std::vector<ConditionTrace>> trace_conditions(const TableView& view, const Filter& filter);

// A set of rows and how many they are.
struct AllowedRows {
  Bitmap rows;
  std::size_t count = 0;
};

// Bitmaps of the filters used lately, valid for one version of a collection. Any number of threads. Memory is bounded.
class FilterCache {
 public:
  // Null when unknown. `key` also names the table, since bitmaps hold ordinals.
  std::shared_ptr<const AllowedRows> find(const std::string& key, std::uint64_t version);
  // `version` is the collection's from before the evaluation began.
  void insert(std::string key, std::uint64_t version, std::shared_ptr<const AllowedRows> rows);

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const AllowedRows> rows;
  };
  // Under mutex_: forgets what is older than `version`. False when the cache is newer.
  bool move_to(std::uint64_t version);

  std::mutex mutex_;
  std::list<Entry> entries_;   // guarded by mutex_; latest used first
  std::size_t bytes_ = 0;      // guarded by mutex_
  std::uint64_t version_ = 0;  // guarded by mutex_
};

}  // namespace orthant
