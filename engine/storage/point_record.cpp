#include "engine/storage/point_record.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/bytes.h"

namespace orthant {
namespace {

constexpr std::uint8_t kFormat = 1;

struct Parts {
  PointRecordView view;
  std::string_view sources;  // encoded, still to be walked
  std::uint16_t source_count = 0;
};

std::unexpected<Error> damaged() {
  return data_corruption("point record: damaged, it ends early or has an unknown id kind");
}

Result<Parts> split(std::string_view bytes) {
  ByteReader reader(bytes);
  const auto format = reader.read<std::uint8_t>();
  if (!format) return damaged();
  if (*format > kFormat) {
    return fail(ErrorCode::kFailedPrecondition,
                "point record: format " + std::to_string(*format) + ", this version knows up to " + std::to_string(kFormat));
  }
  Parts parts;
  const auto id = read_id(reader);
  if (!id) return damaged();
  parts.view.id = *id;
  const auto operation_id = reader.read<std::uint64_t>();
  const auto slot_count = reader.read<std::uint16_t>();
  if (!operation_id || !slot_count) return damaged();
  const auto slots = reader.read_bytes(std::size_t{*slot_count} * sizeof(Slot));
  const auto source_count = reader.read<std::uint16_t>();
  if (!slots || !source_count) return damaged();
  parts.view.operation_id = *operation_id;
  parts.view.slot_bytes = *slots;
  parts.sources = reader.rest();
  parts.source_count = *source_count;
  for (std::uint16_t i = 0; i < *source_count; ++i) {
    if (!reader.read<Slot>() || !reader.read_sized()) return damaged();
  }
  parts.view.payload = reader.rest();
  return parts;
}

}  // namespace

void append_id(std::string& out, const PointId& id) {
  append_value(out, static_cast<std::uint8_t>(id.is_uuid()));
  append_value(out, id.bytes());
}

std::optional<PointId> read_id(ByteReader& reader) {
  const auto is_uuid = reader.read<std::uint8_t>();
  const auto bytes = reader.read<PointId::Uuid>();
  if (!is_uuid || !bytes || *is_uuid > 1) return std::nullopt;
  if (*is_uuid == 1) return PointId::uuid(*bytes);
  std::uint64_t number = 0;
  std::memcpy(&number, bytes->data() + 8, sizeof number);
  return PointId::number(to_big_endian(number));
}

bool PointRecordView::has_slot(Slot slot) const {
  for (ByteReader reader(slot_bytes); auto held = reader.read<Slot>();) {
    if (*held == slot) return true;
  }
  return false;
}

std::string encode(const PointRecord& record) {
  std::string out;
  out.reserve(64 + record.payload.size());
  append_value(out, kFormat);
  append_id(out, record.id);
  append_value(out, record.operation_id);
  append_value(out, static_cast<std::uint16_t>(record.slots.size()));
  for (Slot slot : record.slots) append_value(out, slot);
  append_value(out, static_cast<std::uint16_t>(record.sources.size()));
  for (const SourceText& source : record.sources) {
    append_value(out, source.slot);
    append_sized(out, source.text);
  }
  out.append(record.payload);
  return out;
}

Result<PointRecord> decode_point_record(std::string_view bytes) {
  const Parts parts = ORTHANT_TRY(split(bytes));
  PointRecord record;
  record.id = parts.view.id;
  record.operation_id = parts.view.operation_id;
  record.payload = parts.view.payload;
  for (ByteReader reader(parts.view.slot_bytes); auto slot = reader.read<Slot>();) record.slots.push_back(*slot);
  ByteReader reader(parts.sources);
  for (std::uint16_t i = 0; i < parts.source_count; ++i) {
    const Slot slot = *reader.read<Slot>();  // split() has walked them
    record.sources.push_back({slot, std::string(*reader.read_sized())});
  }
  return record;
}

Result<PointRecordView> view_point_record(std::string_view bytes) {
  return ORTHANT_TRY(split(bytes)).view;
}

}  // namespace orthant
