#include "engine/storage/table_transfer.h"

#include <array>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/log.h"

namespace orthant {
namespace {

constexpr std::array kFamilies = {Family::kRows, Family::kIds, Family::kVectors};
constexpr std::size_t kTableBytes = sizeof(TableNumber);
constexpr std::size_t kBatchBytes = std::size_t{1} << 20;

std::size_t place_of(Family family) {
  std::size_t place = 0;
  while (place < kFamilies.size() && kFamilies[place] != family) ++place;
  return place;
}

std::string with_table(TableNumber table, std::string_view key) {
  std::string whole;
  append_big_endian(whole, table);
  return whole.append(key);
}

std::unexpected<Error> bad_entry(std::string_view what) {
  return invalid_argument(fmt::format("table entry: {}", what));
}

}  // namespace

Status export_table(const StoredTable& table, const TableEntryVisit& visit) {
  for (const Family family : kFamilies) {
    Status failure;
    ORTHANT_TRY(table.store().scan(family, keys::whole_table(table.number()), table.moment(),
                                   [&](std::string_view key, std::string_view value) {
                                     failure = visit(family, key.substr(kTableBytes), value);
                                     return failure.has_value();
                                   }));
    ORTHANT_TRY(std::move(failure));
  }
  return {};
}

Result<std::unique_ptr<TableImport>> TableImport::begin(Store& store, std::size_t slot_count) {
  const TableNumber table = ORTHANT_TRY(create_table(store));
  return std::unique_ptr<TableImport>(new TableImport(store, table, slot_count));
}

TableImport::~TableImport() {
  if (kept_) return;
  // What a full disk keeps from being removed now is removed at the next start.
  if (Status dropped = drop_table(table_.store(), table_.number()); !dropped) log_warning(dropped.error().message);
}

Status TableImport::add(Family family, std::string_view key, std::string_view value) {
  ORTHANT_TRY(check(family, key, value));
  batch_.put(family, with_table(table_.number(), key), value);
  return batch_.bytes() < kBatchBytes ? Status() : flush();
}

// Readers check what they read; this keeps out what would make a table larger than its entries, or reach outside of it.
Status TableImport::check(Family family, std::string_view key, std::string_view value) {
  if (place_of(family) < place_of(last_family_) || place_of(family) == kFamilies.size()) return bad_entry("out of order");
  last_family_ = family;
  if (family == Family::kRows) return check_row(key, value);
  const std::string whole = with_table(table_.number(), key);
  if (family == Family::kIds) {
    ByteReader reader(value);
    const auto format = reader.read<std::uint8_t>();
    const auto ordinal = reader.read<Ordinal>();
    if (!keys::parse_id(whole) || !format || !ordinal || !reader.at_end() || *ordinal >= rows_) return bad_entry("bad id");
    return {};
  }
  ByteReader reader(key);
  const auto slot = reader.read_big_endian<Slot>();
  const auto ordinal = reader.read_big_endian<Ordinal>();
  if (!slot || !ordinal || !reader.at_end() || *slot >= slot_count_ || *ordinal >= rows_) return bad_entry("bad vector");
  return {};
}

Status TableImport::check_row(std::string_view key, std::string_view value) {
  const std::string whole = with_table(table_.number(), key);
  const auto ordinal = keys::parse_ordinal(whole);
  if (!ordinal) return bad_entry("bad row");
  if (whole == keys::point(table_.number(), *ordinal)) {
    if (*ordinal != rows_) return bad_entry(fmt::format("row {} where row {} is expected", *ordinal, rows_));
    ++rows_;
    if (const auto record = view_point_record(value); !record) return with_context("table entry", record.error());
    return {};
  }
  ByteReader reader(key.substr(1));
  const auto slot = reader.read_big_endian<Slot>();
  const bool known = slot && (*slot == kAllSlots || *slot < slot_count_) && *ordinal < rows_;
  return known && whole == keys::burial(table_.number(), *slot, *ordinal) ? Status() : bad_entry("bad burial");
}

Status TableImport::flush() {
  ORTHANT_TRY(table_.store().write(batch_));
  batch_.clear();
  return {};
}

Status TableImport::finish(std::uint64_t last_operation) {
  table_.put_last_operation(batch_, last_operation);
  ORTHANT_TRY(flush());
  return table_.store().sync();
}

}  // namespace orthant
