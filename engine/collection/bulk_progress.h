#pragma once
// BulkProgress: how far a bulk stream has come that its client may resume under the same name ("operation"). The record is written
// in the same batch as the points of its lines, so a line counts as done exactly when its point is in the store. Plain values.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/storage/store.h"

namespace orthant {

// Lines of a stream, numbered from 1, both ends included.
struct LineRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  bool operator==(const LineRange&) const = default;
};

// What an upsert is of a stream.
struct BulkPart {
  std::string operation;
  LineRange lines;                            // done with this upsert, whatever became of each; first > last: none
  std::vector<std::uint64_t> point_lines;     // of the points, in order
  std::vector<std::uint64_t> rejected_lines;  // of lines that make no point, ascending
  bool ends = false;                          // nothing comes after these lines
};

struct BulkProgress {
  std::vector<LineRange> done;  // ascending, with lines between them that are not done
  std::uint64_t accepted = 0;   // lines whose point was written
  std::uint64_t rejected = 0;
  std::uint64_t updated_ms = 0;  // since 1970
  bool finished = false;         // the stream came to its end; lines may be missing before it nevertheless

  // Lines 1 to this one are done.
  std::uint64_t through() const;
  bool has(std::uint64_t line) const;
  void add(LineRange lines);
  bool operator==(const BulkProgress&) const = default;
};

// The byte form (docs/storage_format.md), with a format version.
std::string encode(const BulkProgress& progress);
Result<BulkProgress> decode_bulk_progress(std::string_view bytes);

// invalid_argument for names that are empty, longer than 128 bytes, or hold other than letters, digits, '-', '_', '.', ':'.
Status check_operation_name(std::string_view operation);

// Nothing: there is no such operation.
Result<std::optional<BulkProgress>> read_bulk_progress(const Store& store, std::string_view collection, std::string_view operation);
Result<std::map<std::string, BulkProgress>> read_bulk_operations(const Store& store, std::string_view collection);

// Into a batch that the caller commits. A new operation pushes the oldest out where a collection has kMaxBulkOperations.
inline constexpr std::size_t kMaxBulkOperations = 256;
Status put_bulk_progress(StoreBatch& batch, const Store& store, std::string_view collection, std::string_view operation,
                         const BulkProgress& progress, bool is_new);
Status remove_bulk_operations(StoreBatch& batch, const Store& store, std::string_view collection);

}  // namespace orthant
