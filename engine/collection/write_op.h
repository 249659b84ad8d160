#pragma once
// WriteOp: one change of a collection, with vectors ready to be stored. What a caller hands in may select points by filter or by
// mode; the writer resolves that against the points it finds (write_resolver.h) and applies the rest. A resolved op names its
// points, so it has the same effect wherever it is applied in the same order: it is the unit of replication, and has a byte form.
// Plain values.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/point_id.h"
#include "base/result.h"
#include "engine/collection/records.h"
#include "engine/storage/keys.h"

namespace orthant {

struct PreparedVector {
  Slot slot = 0;                           // a shadow's too, beside the slot that it belongs to
  std::string bytes;                       // dim f32 as VectorIndex::prepare_vector gave them, or the user's codes
  std::optional<std::string> source_text;  // what was encoded, if it came as text
  // VectorConfig::generation that this was made for. The writer looks at it; the byte form, being of what is written, has it not.
  std::uint32_t generation = 0;
  bool operator==(const PreparedVector&) const = default;
};

struct PreparedPoint {
  PointId id;
  std::vector<PreparedVector> vectors;
  std::string payload;
  bool operator==(const PreparedPoint&) const = default;
};

// Replaces whole points. Of equal ids the last wins.
struct UpsertOp {
  std::vector<PreparedPoint> points;
  UpdateMode mode = UpdateMode::kUpsert;
  std::optional<Filter> update_filter;  // existing points are replaced only where it matches
};
// Replaces the given vectors of existing points; payloads in `points` are not looked at.
struct UpdateVectorsOp {
  std::vector<PreparedPoint> points;
  std::optional<Filter> update_filter{};  // only of points where it matches
};
struct DeletePointsOp {
  PointSelector points;
};
struct DeleteVectorsOp {
  PointSelector points;
  std::vector<Slot> slots;
};

enum class PayloadEdit : std::uint8_t { kSet = 0, kOverwrite = 1, kDelete = 2, kClear = 3 };
struct EditPayloadOp {
  PointSelector points;
  PayloadEdit edit = PayloadEdit::kSet;
  std::string payload;             // kSet, kOverwrite
  std::optional<std::string> key;  // kSet: JSON path below which to merge
  std::vector<std::string> keys;   // kDelete: JSON paths
};

using WriteOp = std::variant<UpsertOp, UpdateVectorsOp, DeletePointsOp, DeleteVectorsOp, EditPayloadOp>;

// Whether the op names all its points: no filter, no mode.
bool is_resolved(const WriteOp& op);

// The byte form, with a format version. Only of resolved ops (internal error otherwise).
Result<std::string> encode(const WriteOp& op);
// data_corruption when the bytes are no op, failed_precondition when a newer version wrote them.
Result<WriteOp> decode_write_op(std::string_view bytes);

}  // namespace orthant
