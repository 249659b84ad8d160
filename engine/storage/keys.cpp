#include "engine/storage/keys.h"

#include <cstring>

#include "base/bytes.h"

namespace orthant::keys {
namespace {

// First byte of keys in the catalog family.
constexpr char kAliasTag = 'a';
constexpr char kBulkTag = 'b';
constexpr char kCollectionTag = 'c';
constexpr char kTableTag = 't';
constexpr char kOperationTag = 'o';
constexpr char kNextTableTag = 'n';
// Byte after the table number in the rows family.
constexpr std::uint8_t kPointTag = 1;
constexpr std::uint8_t kBurialTag = 2;
// Byte after the table number in the ids family: numbers sort before UUIDs.
constexpr std::uint8_t kNumberTag = 0;
constexpr std::uint8_t kUuidTag = 1;

std::string tagged(char tag) {
  return std::string(1, tag);
}

KeyRange all_tagged(char tag) {
  return {tagged(tag), tagged(static_cast<char>(tag + 1))};
}

std::string table_prefix(TableNumber table) {
  std::string key;
  append_big_endian(key, table);
  return key;
}

std::string row_prefix(TableNumber table, std::uint8_t tag) {
  std::string key = table_prefix(table);
  append_value(key, tag);
  return key;
}

std::string burial_prefix(TableNumber table, Slot slot) {
  std::string key = row_prefix(table, kBurialTag);
  append_big_endian(key, slot);
  return key;
}

std::string vector_prefix(TableNumber table, Slot slot) {
  std::string key = table_prefix(table);
  append_big_endian(key, slot);
  return key;
}

std::string with_ordinal(std::string prefix, Ordinal ordinal) {
  append_big_endian(prefix, ordinal);
  return prefix;
}

}  // namespace

std::string collection(std::string_view name) {
  return tagged(kCollectionTag).append(name);
}

KeyRange all_collections() {
  return all_tagged(kCollectionTag);
}

std::optional<std::string_view> parse_collection(std::string_view key) {
  if (key.empty() || key.front() != kCollectionTag) return std::nullopt;
  return key.substr(1);
}

std::string alias(std::string_view name) {
  return tagged(kAliasTag).append(name);
}

KeyRange all_aliases() {
  return all_tagged(kAliasTag);
}

std::optional<std::string_view> parse_alias(std::string_view key) {
  if (key.empty() || key.front() != kAliasTag) return std::nullopt;
  return key.substr(1);
}

// A NUL ends the collection's name: no name holds one.
std::string bulk_operation(std::string_view collection, std::string_view operation) {
  return tagged(kBulkTag).append(collection).append(1, '\0').append(operation);
}

KeyRange all_bulk_operations(std::string_view collection) {
  return {bulk_operation(collection, {}), tagged(kBulkTag).append(collection).append(1, '\1')};
}

std::optional<std::string_view> parse_bulk_operation(std::string_view collection, std::string_view key) {
  const std::string prefix = bulk_operation(collection, {});
  if (!key.starts_with(prefix)) return std::nullopt;
  return key.substr(prefix.size());
}

std::string table(TableNumber table) {
  std::string key = tagged(kTableTag);
  append_big_endian(key, table);
  return key;
}

KeyRange all_tables() {
  return all_tagged(kTableTag);
}

std::optional<TableNumber> parse_table(std::string_view key) {
  if (key.size() != 1 + sizeof(TableNumber) || key.front() != kTableTag) return std::nullopt;
  return ByteReader(key.substr(1)).read_big_endian<TableNumber>();
}

std::string last_operation(TableNumber table) {
  std::string key = tagged(kOperationTag);
  append_big_endian(key, table);
  return key;
}

std::string next_table() {
  return tagged(kNextTableTag);
}

std::string id(TableNumber table, const PointId& id) {
  std::string key = table_prefix(table);
  if (id.is_uuid()) {
    append_value(key, kUuidTag);
    key.append(reinterpret_cast<const char*>(id.bytes().data()), id.bytes().size());
  } else {
    append_value(key, kNumberTag);
    append_big_endian(key, id.as_number());
  }
  return key;
}

KeyRange ids_from(TableNumber table, const std::optional<PointId>& first) {
  return {first ? id(table, *first) : table_prefix(table), whole_table(table).end};
}

std::optional<PointId> parse_id(std::string_view key) {
  ByteReader reader(key);
  const auto table = reader.read_big_endian<TableNumber>();
  const auto tag = reader.read<std::uint8_t>();
  if (!table || !tag) return std::nullopt;
  if (*tag == kNumberTag && reader.rest().size() == sizeof(std::uint64_t)) {
    return PointId::number(*reader.read_big_endian<std::uint64_t>());
  }
  if (*tag == kUuidTag && reader.rest().size() == sizeof(PointId::Uuid)) return PointId::uuid(*reader.read<PointId::Uuid>());
  return std::nullopt;
}

std::string point(TableNumber table, Ordinal ordinal) {
  return with_ordinal(row_prefix(table, kPointTag), ordinal);
}

KeyRange points(TableNumber table, Ordinal first, Ordinal last) {
  return {point(table, first), point(table, last)};
}

std::string burial(TableNumber table, Slot slot, Ordinal ordinal) {
  return with_ordinal(burial_prefix(table, slot), ordinal);
}

KeyRange burials(TableNumber table, Slot slot) {
  // kNoOrdinal is never a row, so the end may leave it out.
  return {burial(table, slot, 0), burial(table, slot, kNoOrdinal)};
}

std::string vector(TableNumber table, Slot slot, Ordinal ordinal) {
  return with_ordinal(vector_prefix(table, slot), ordinal);
}

KeyRange vectors(TableNumber table, Slot slot, Ordinal first, Ordinal last) {
  return {vector(table, slot, first), vector(table, slot, last)};
}

std::optional<Ordinal> parse_ordinal(std::string_view key) {
  if (key.size() < sizeof(Ordinal)) return std::nullopt;
  return ByteReader(key.substr(key.size() - sizeof(Ordinal))).read_big_endian<Ordinal>();
}

KeyRange whole_table(TableNumber table) {
  return {table_prefix(table), table_prefix(table + 1)};
}

}  // namespace orthant::keys
