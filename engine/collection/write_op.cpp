#include "engine/collection/write_op.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "engine/storage/point_record.h"

namespace orthant {
namespace {

// Layout (docs/storage_format.md): u8 format, u8 kind, then the fields in the order of the struct; a list is its u32 length and its
// elements, a text is sized, an optional is u8 0 or 1 and the value.
constexpr std::uint8_t kFormat = 1;

// Positions in WriteOp; written to disk and wire, so never renumbered.
enum class Kind : std::uint8_t { kUpsert = 0, kUpdateVectors = 1, kDeletePoints = 2, kDeleteVectors = 3, kEditPayload = 4 };

std::unexpected<Error> damaged() {
  return data_corruption("write op: damaged, it ends early or holds an unknown value");
}

// ---- writing ----

void append_optional(std::string& out, const std::optional<std::string>& text) {
  append_value(out, static_cast<std::uint8_t>(text.has_value()));
  if (text) append_sized(out, *text);
}

void append_points(std::string& out, const std::vector<PreparedPoint>& points) {
  append_value(out, static_cast<std::uint32_t>(points.size()));
  for (const PreparedPoint& point : points) {
    append_id(out, point.id);
    append_value(out, static_cast<std::uint32_t>(point.vectors.size()));
    for (const PreparedVector& vector : point.vectors) {
      append_value(out, vector.slot);
      append_sized(out, vector.bytes);
      append_optional(out, vector.source_text);
    }
    append_sized(out, point.payload);
  }
}

void append_ids(std::string& out, const PointSelector& selector) {
  const auto& ids = std::get<std::vector<PointId>>(selector);
  append_value(out, static_cast<std::uint32_t>(ids.size()));
  for (const PointId& id : ids) append_id(out, id);
}

void append_fields(std::string& out, const UpsertOp& op) {
  append_points(out, op.points);
}
void append_fields(std::string& out, const UpdateVectorsOp& op) {
  append_points(out, op.points);
}
void append_fields(std::string& out, const DeletePointsOp& op) {
  append_ids(out, op.points);
}
void append_fields(std::string& out, const DeleteVectorsOp& op) {
  append_ids(out, op.points);
  append_value(out, static_cast<std::uint32_t>(op.slots.size()));
  for (Slot slot : op.slots) append_value(out, slot);
}
void append_fields(std::string& out, const EditPayloadOp& op) {
  append_ids(out, op.points);
  append_value(out, op.edit);
  append_sized(out, op.payload);
  append_optional(out, op.key);
  append_value(out, static_cast<std::uint32_t>(op.keys.size()));
  for (const std::string& key : op.keys) append_sized(out, key);
}

// ---- reading ----

// Reads a list whose elements `read_one` appends to the result; lengths are not trusted, so nothing is reserved.
template <typename T, typename ReadOne>
Result<std::vector<T>> read_list(ByteReader& reader, ReadOne&& read_one) {
  const auto count = reader.read<std::uint32_t>();
  if (!count) return damaged();
  std::vector<T> list;
  for (std::uint32_t i = 0; i < *count; ++i) list.push_back(ORTHANT_TRY(read_one(reader)));
  return list;
}

Result<PointId> read_point_id(ByteReader& reader) {
  const auto id = read_id(reader);
  if (!id) return damaged();
  return *id;
}

Result<Slot> read_slot(ByteReader& reader) {
  const auto slot = reader.read<Slot>();
  if (!slot) return damaged();
  return *slot;
}

Result<std::string> read_text(ByteReader& reader) {
  const auto text = reader.read_sized();
  if (!text) return damaged();
  return std::string(*text);
}

Result<std::optional<std::string>> read_optional(ByteReader& reader) {
  const auto present = reader.read<std::uint8_t>();
  if (!present || *present > 1) return damaged();
  if (*present == 0) return std::optional<std::string>();
  return std::optional<std::string>(ORTHANT_TRY(read_text(reader)));
}

Result<PreparedVector> read_vector(ByteReader& reader) {
  PreparedVector vector;
  vector.slot = ORTHANT_TRY(read_slot(reader));
  vector.bytes = ORTHANT_TRY(read_text(reader));
  vector.source_text = ORTHANT_TRY(read_optional(reader));
  return vector;
}

Result<PreparedPoint> read_point(ByteReader& reader) {
  PreparedPoint point;
  point.id = ORTHANT_TRY(read_point_id(reader));
  point.vectors = ORTHANT_TRY(read_list<PreparedVector>(reader, read_vector));
  point.payload = ORTHANT_TRY(read_text(reader));
  return point;
}

Result<EditPayloadOp> read_edit(ByteReader& reader) {
  EditPayloadOp op;
  op.points = ORTHANT_TRY(read_list<PointId>(reader, read_point_id));
  const auto edit = reader.read<std::uint8_t>();
  if (!edit || *edit > static_cast<std::uint8_t>(PayloadEdit::kClear)) return damaged();
  op.edit = static_cast<PayloadEdit>(*edit);
  op.payload = ORTHANT_TRY(read_text(reader));
  op.key = ORTHANT_TRY(read_optional(reader));
  op.keys = ORTHANT_TRY(read_list<std::string>(reader, read_text));
  return op;
}

Result<WriteOp> read_fields(Kind kind, ByteReader& reader) {
  switch (kind) {
    case Kind::kUpsert: {
      UpsertOp op;
      op.points = ORTHANT_TRY(read_list<PreparedPoint>(reader, read_point));
      return op;
    }
    case Kind::kUpdateVectors: return UpdateVectorsOp{ORTHANT_TRY(read_list<PreparedPoint>(reader, read_point))};
    case Kind::kDeletePoints: return DeletePointsOp{ORTHANT_TRY(read_list<PointId>(reader, read_point_id))};
    case Kind::kDeleteVectors: {
      DeleteVectorsOp op;
      op.points = ORTHANT_TRY(read_list<PointId>(reader, read_point_id));
      op.slots = ORTHANT_TRY(read_list<Slot>(reader, read_slot));
      return op;
    }
    case Kind::kEditPayload: return ORTHANT_TRY(read_edit(reader));
  }
  return damaged();
}

}  // namespace

bool is_resolved(const WriteOp& op) {
  return std::visit(
      [](const auto& fields) {
        using T = std::decay_t<decltype(fields)>;
        if constexpr (std::is_same_v<T, UpsertOp>) {
          return fields.mode == UpdateMode::kUpsert && !fields.update_filter;
        } else if constexpr (std::is_same_v<T, UpdateVectorsOp>) {
          return true;
        } else {
          return std::holds_alternative<std::vector<PointId>>(fields.points);
        }
      },
      op);
}

Result<std::string> encode(const WriteOp& op) {
  if (!is_resolved(op)) return internal_error("write op: only a resolved one has a byte form");
  std::string out;
  append_value(out, kFormat);
  append_value(out, static_cast<std::uint8_t>(op.index()));
  std::visit([&out](const auto& fields) { append_fields(out, fields); }, op);
  return out;
}

Result<WriteOp> decode_write_op(std::string_view bytes) {
  ByteReader reader(bytes);
  const auto format = reader.read<std::uint8_t>();
  if (format && *format > kFormat) {
    return fail(ErrorCode::kFailedPrecondition, fmt::format("write op: format {}, this version knows up to {}", *format, kFormat));
  }
  const auto kind = reader.read<std::uint8_t>();
  if (!format || !kind) return damaged();
  WriteOp op = ORTHANT_TRY(read_fields(static_cast<Kind>(*kind), reader));
  if (!reader.at_end()) return damaged();
  return op;
}

}  // namespace orthant
