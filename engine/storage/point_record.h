#pragma once
// PointRecord: what is kept of one row beside its vectors. Plain values; encoded with a format version byte. The layout stands in
// docs/storage_format.md.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/point_id.h"
#include "base/result.h"
#include "engine/storage/keys.h"

namespace orthant {

// An id inside a value: u8 0 number or 1 UUID, then 16 bytes (a number stands big-endian in the last 8).
void append_id(std::string& out, const PointId& id);
std::optional<PointId> read_id(ByteReader& reader);

// The text that a vector was made from, kept so that the vector can be made again by another model.
struct SourceText {
  Slot slot = 0;
  std::string text;
  bool operator==(const SourceText&) const = default;
};

struct PointRecord {
  PointId id;
  std::uint64_t operation_id = 0;   // of the write that last changed the point
  std::vector<Slot> slots;          // vectors that the point has, ascending
  std::vector<SourceText> sources;  // of vectors that came as text
  std::string payload;              // JSON object as given
  bool operator==(const PointRecord&) const = default;
};

// The part of a record that filters look at, read without copying. Valid while the encoded bytes are.
struct PointRecordView {
  PointId id;
  std::uint64_t operation_id = 0;
  std::string_view slot_bytes;  // little-endian u16 each
  std::string_view payload;
  bool has_slot(Slot slot) const;
};

std::string encode(const PointRecord& record);
// data_corruption when the bytes are no record, failed_precondition when a newer version wrote them.
Result<PointRecord> decode_point_record(std::string_view bytes);
Result<PointRecordView> view_point_record(std::string_view bytes);

}  // namespace orthant
