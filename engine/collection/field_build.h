#pragma once
// FieldBuild: field indexes made for a table that exists, while writes to it go on. Private to engine/collection.
//
// Each round enters what happened up to one moment of the store: the rows appended since the last round, and the rows whose payload
// was edited since, which the writer notes. The first round runs in the background, the last one is short and runs on the writer's
// strand, so that nothing happens between it and the switch. Used by one thread at a time.

#include <functional>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "engine/collection/table_view.h"
#include "engine/payload/field_indexes.h"
#include "engine/storage/stored_table.h"

namespace orthant {

// Enters the rows [first, last) that `left_out` does not name. Payloads are read on the pool (may be null) some thousands at a
// time, so memory stays bounded whatever the table's size. `left_out` is called from several threads. cancelled once `stopping` is
// set (may be null).
Status fill_field_indexes(FieldIndexes::Builder& builder, const StoredTable& table, Ordinal first, Ordinal last, ThreadPool* pool,
                          const std::function<bool(Ordinal)>& left_out, const std::atomic<bool>* stopping = nullptr);

class FieldBuild {
 public:
  // invalid_argument when a path is no JSON path.
  static Result<FieldBuild> make(FieldSchemas schemas, ThreadPool& pool, const std::atomic<bool>& stopping);

  const FieldSchemas& schemas() const { return schemas_; }
  Ordinal rows_done() const { return rows_done_; }

  // Brings the indexes to the moment of `table`, which has `row_count` rows. `edited`: rows whose payload changed since the last
  // round, in any order.
  Status run_round(const StoredTable& table, Ordinal row_count, std::vector<Ordinal> edited);
  // After the last round, on the strand: hands the indexes over to the view.
  void install(TableView& view) &&;

 private:
  FieldBuild(FieldSchemas schemas, FieldIndexes::Builder builder, ThreadPool& pool, const std::atomic<bool>& stopping)
      : schemas_(std::move(schemas)), builder_(std::move(builder)), pool_(pool), stopping_(stopping) {}

  FieldSchemas schemas_;
  FieldIndexes::Builder builder_;
  ThreadPool& pool_;
  const std::atomic<bool>& stopping_;
  Ordinal rows_done_ = 0;
  std::optional<StoredTable> moment_;  // of the last round
};

}  // namespace orthant
