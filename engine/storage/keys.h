#pragma once
// Keys of the store: typed, big-endian, so that byte order is number order. A "table" holds the rows of one collection between two
// reclaims; its number is never used twice, so what belongs to a table is one key range in each family. The grammar and a worked
// example stand in docs/storage_format.md. Free functions, any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/point_id.h"
#include "index/index_config.h"

namespace orthant {

using TableNumber = std::uint32_t;

// Position of a named vector inside its collection, fixed when the vector is created.
using Slot = std::uint16_t;
// In burial markers: the whole row is buried, not one vector of it.
inline constexpr Slot kAllSlots = 0xffff;
// Vectors under these numbers are shadows: embeddings of the slot without the top bit that another model makes while the present
// ones serve (engine/collection/shadow_vectors.h). No name ever has such a number.
inline constexpr Slot kFirstShadowSlot = 0x8000;
constexpr Slot shadow_of(Slot slot) {
  return static_cast<Slot>(slot | kFirstShadowSlot);
}
constexpr bool is_shadow(Slot slot) {
  return slot >= kFirstShadowSlot && slot != kAllSlots;
}
// The slot itself, or that of which it is the shadow.
constexpr Slot without_shadow(Slot slot) {
  return is_shadow(slot) ? static_cast<Slot>(slot - kFirstShadowSlot) : slot;
}

// The store keeps keys in families, each with block size, compression and filters for its kind of value.
enum class Family : std::uint8_t {
  kCatalog = 0,  // collections, tables, operation numbers
  kIds = 1,      // id -> ordinal
  kRows = 2,     // point records and burial markers
  kVectors = 3,  // floats or the users' codes
};
inline constexpr std::size_t kFamilyCount = 4;

// Half-open: [begin, end).
struct KeyRange {
  std::string begin;
  std::string end;
};

namespace keys {

// Family::kCatalog
std::string collection(std::string_view name);
KeyRange all_collections();
std::optional<std::string_view> parse_collection(std::string_view key);
std::string alias(std::string_view name);
KeyRange all_aliases();
std::optional<std::string_view> parse_alias(std::string_view key);
// How far the bulk streams of a collection have come.
std::string bulk_operation(std::string_view collection, std::string_view operation);
KeyRange all_bulk_operations(std::string_view collection);
std::optional<std::string_view> parse_bulk_operation(std::string_view collection, std::string_view key);
std::string table(TableNumber table);
KeyRange all_tables();
std::optional<TableNumber> parse_table(std::string_view key);
std::string last_operation(TableNumber table);
std::string next_table();

// Family::kIds
std::string id(TableNumber table, const PointId& id);
KeyRange ids_from(TableNumber table, const std::optional<PointId>& first);
std::optional<PointId> parse_id(std::string_view key);

// Family::kRows
std::string point(TableNumber table, Ordinal ordinal);
KeyRange points(TableNumber table, Ordinal first, Ordinal last);
std::string burial(TableNumber table, Slot slot, Ordinal ordinal);
KeyRange burials(TableNumber table, Slot slot);

// Family::kVectors
std::string vector(TableNumber table, Slot slot, Ordinal ordinal);
KeyRange vectors(TableNumber table, Slot slot, Ordinal first, Ordinal last);

// The ordinal that ends a point, burial or vector key.
std::optional<Ordinal> parse_ordinal(std::string_view key);

// Everything of a table in kIds, kRows or kVectors.
KeyRange whole_table(TableNumber table);

}  // namespace keys
}  // namespace orthant
