#pragma once
// Change: what one WriteOp does to a table, ready to be committed: the batch for the store, the encoded rows and the burials for
// the view. Building reads the store and may fail; nothing has happened then. Built and used by the collection's writer only.

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "engine/collection/table_view.h"
#include "engine/collection/write_op.h"

namespace orthant {

struct Change {
  explicit Change(Store& store) : batch(store) {}

  StoreBatch batch;
  EncodedBatch rows;                              // to be appended
  std::vector<std::pair<Slot, Ordinal>> burials;  // kAllSlots: the whole row
  std::vector<Ordinal> rewritten;                 // rows whose record changed in place
  FieldChanges fields;                            // of new rows, and of rewritten ones whose payload changed
};

// The op with filters and modes turned into the points that they mean now. `pool` may be null.
Result<WriteOp> resolve(WriteOp op, const TableView& view, ThreadPool* pool);

// `op` must be resolved. not_found ("No point with id 7 found") when a point to be edited does not exist.
// `shadowed`: slots whose texts are being encoded by another model; shadows go where their points go.
Result<Change> build_change(const WriteOp& op, const TableView& view, std::uint64_t operation_id,
                            std::span<const Slot> shadowed = {});

}  // namespace orthant
