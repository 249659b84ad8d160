#include "engine/storage/stored_table.h"

#include <mutex>

#include <fmt/format.h>

#include "base/bytes.h"

namespace orthant {
namespace {

// First byte of every value; records of points carry their own.
constexpr std::uint8_t kFormat = 1;
// Tables with fewer rows are removed key by key: range tombstones slow every later read until they are compacted away, and dropping
// many small collections would leave many.
constexpr Ordinal kRangeRemovalRows = 1000;

Status check_format(std::string_view value, std::string_view what) {
  if (value.empty()) return data_corruption(fmt::format("{}: empty value", what));
  const auto format = static_cast<std::uint8_t>(value.front());
  if (format > kFormat) {
    return fail(ErrorCode::kFailedPrecondition, fmt::format("{}: format {}, this version knows up to {}", what, format, kFormat));
  }
  return {};
}

template <typename T>
std::string number_value(T number) {
  std::string value;
  append_value(value, kFormat);
  append_value(value, number);
  return value;
}

template <typename T>
Result<T> parse_number(std::string_view value, std::string_view what) {
  ORTHANT_TRY(check_format(value, what));
  const auto number = ByteReader(value.substr(1)).read<T>();
  if (!number) return data_corruption(fmt::format("{}: {} bytes are too few", what, value.size()));
  return *number;
}

// A scan whose visits can fail: keeps the first failure.
class ScanFailure {
 public:
  bool stop(Status status) {
    status_ = std::move(status);
    return false;
  }
  Status after(Status scanned) && { return scanned ? std::move(status_) : std::move(scanned); }

 private:
  Status status_;
};

std::unexpected<Error> bad_key(std::string_view what) {
  return data_corruption(fmt::format("{}: malformed key", what));
}

}  // namespace

// ---- reads ----

Result<std::vector<Ordinal>> StoredTable::find(std::span<const PointId> ids) const {
  std::vector<std::string> id_keys;
  id_keys.reserve(ids.size());
  for (const PointId& id : ids) id_keys.push_back(keys::id(number_, id));
  std::vector<Ordinal> ordinals(ids.size(), kNoOrdinal);
  ORTHANT_TRY(store_->get_many(Family::kIds, id_keys, snapshot_.get(), [&](std::size_t i, std::string_view value) -> Status {
    ordinals[i] = ORTHANT_TRY(parse_number<Ordinal>(value, "id record"));
    return {};
  }));
  return ordinals;
}

Result<std::vector<PointRecord>> StoredTable::read_points(std::span<const Ordinal> ordinals) const {
  std::vector<std::string> point_keys;
  point_keys.reserve(ordinals.size());
  for (Ordinal ordinal : ordinals) point_keys.push_back(keys::point(number_, ordinal));
  std::vector<PointRecord> records(ordinals.size());
  std::size_t found = 0;
  ORTHANT_TRY(store_->get_many(Family::kRows, point_keys, snapshot_.get(), [&](std::size_t i, std::string_view value) -> Status {
    records[i] = ORTHANT_TRY(decode_point_record(value));
    ++found;
    return {};
  }));
  if (found != ordinals.size()) {
    return data_corruption(fmt::format("table {}: {} of {} rows are missing", number_, ordinals.size() - found, ordinals.size()));
  }
  return records;
}

Status StoredTable::scan_points(Ordinal first, Ordinal last,
                                const std::function<bool(Ordinal, const PointRecordView&)>& visit) const {
  ScanFailure failure;
  Status scanned = store_->scan(Family::kRows, keys::points(number_, first, last), snapshot_.get(),
                                [&](std::string_view key, std::string_view value) {
                                  const auto ordinal = keys::parse_ordinal(key);
                                  if (!ordinal) return failure.stop(bad_key("point record"));
                                  const auto record = view_point_record(value);
                                  if (!record) return failure.stop(std::unexpected<Error>(record.error()));
                                  return visit(*ordinal, *record);
                                });
  return std::move(failure).after(std::move(scanned));
}

Status StoredTable::scan_ids(const std::optional<PointId>& from, const std::function<bool(const PointId&, Ordinal)>& visit) const {
  ScanFailure failure;
  Status scanned =
      store_->scan(Family::kIds, keys::ids_from(number_, from), snapshot_.get(), [&](std::string_view key, std::string_view value) {
        const auto id = keys::parse_id(key);
        if (!id) return failure.stop(bad_key("id record"));
        const auto ordinal = parse_number<Ordinal>(value, "id record");
        if (!ordinal) return failure.stop(std::unexpected<Error>(ordinal.error()));
        return visit(*id, *ordinal);
      });
  return std::move(failure).after(std::move(scanned));
}

Status StoredTable::scan_burials(Slot slot, const std::function<void(Ordinal)>& visit) const {
  ScanFailure failure;
  Status scanned =
      store_->scan(Family::kRows, keys::burials(number_, slot), snapshot_.get(), [&](std::string_view key, std::string_view value) {
        const auto ordinal = keys::parse_ordinal(key);
        if (!ordinal) return failure.stop(bad_key("burial"));
        if (Status format = check_format(value, "burial"); !format) return failure.stop(std::move(format));
        visit(*ordinal);
        return true;
      });
  return std::move(failure).after(std::move(scanned));
}

Status StoredTable::scan_vectors(Slot slot, Ordinal first, Ordinal last,
                                 const std::function<bool(Ordinal, std::string_view)>& visit) const {
  ScanFailure failure;
  Status scanned = store_->scan(Family::kVectors, keys::vectors(number_, slot, first, last), snapshot_.get(),
                                [&](std::string_view key, std::string_view value) {
                                  const auto ordinal = keys::parse_ordinal(key);
                                  if (!ordinal) return failure.stop(bad_key("vector"));
                                  if (Status format = check_format(value, "vector"); !format)
                                    return failure.stop(std::move(format));
                                  return visit(*ordinal, value.substr(1));
                                });
  return std::move(failure).after(std::move(scanned));
}

Status StoredTable::read_vectors(Slot slot, std::span<const Ordinal> ordinals,
                                 const std::function<Status(std::size_t, std::string_view)>& visit) const {
  std::vector<std::string> vector_keys;
  vector_keys.reserve(ordinals.size());
  for (Ordinal ordinal : ordinals) vector_keys.push_back(keys::vector(number_, slot, ordinal));
  return store_->get_many(Family::kVectors, vector_keys, snapshot_.get(), [&](std::size_t i, std::string_view value) -> Status {
    ORTHANT_TRY(check_format(value, "vector"));
    return visit(i, value.substr(1));
  });
}

Result<Ordinal> StoredTable::row_count() const {
  const auto last = ORTHANT_TRY(store_->last_key(Family::kRows, keys::points(number_, 0, kNoOrdinal)));
  if (!last) return Ordinal{0};
  const auto ordinal = keys::parse_ordinal(*last);
  if (!ordinal) return bad_key("point record");
  return *ordinal + 1;
}

std::uint64_t StoredTable::record_bytes() const {
  constexpr std::uint64_t kBlock = 128;
  // Less than this rests on a few sampled entries of a memtable and may be several times too much.
  constexpr std::uint64_t kSoundEstimate = std::uint64_t{256} << 10;
  const Result<Ordinal> rows = row_count();
  const std::uint64_t least = rows ? kBlock * *rows : 0;
  const std::uint64_t estimate = store_->approximate_bytes(Family::kRows, keys::points(number_, 0, kNoOrdinal));
  return estimate < kSoundEstimate ? least : std::max(least, estimate);
}

Result<std::uint64_t> StoredTable::last_operation() const {
  const auto value = ORTHANT_TRY(store_->get(Family::kCatalog, keys::last_operation(number_), snapshot_.get()));
  if (!value) return std::uint64_t{0};
  return parse_number<std::uint64_t>(*value, "operation number");
}

// ---- writes ----

void StoredTable::put_point(StoreBatch& batch, Ordinal ordinal, const PointRecord& record) const {
  batch.put(Family::kRows, keys::point(number_, ordinal), encode(record));
}

void StoredTable::put_vector(StoreBatch& batch, Slot slot, Ordinal ordinal, std::string_view bytes) const {
  std::string value;
  value.reserve(1 + bytes.size());
  append_value(value, kFormat);
  value.append(bytes);
  batch.put(Family::kVectors, keys::vector(number_, slot, ordinal), value);
}

void StoredTable::put_id(StoreBatch& batch, const PointId& id, Ordinal ordinal) const {
  batch.put(Family::kIds, keys::id(number_, id), number_value(ordinal));
}

void StoredTable::remove_id(StoreBatch& batch, const PointId& id) const {
  batch.remove(Family::kIds, keys::id(number_, id));
}

void StoredTable::bury(StoreBatch& batch, Slot slot, Ordinal ordinal) const {
  batch.put(Family::kRows, keys::burial(number_, slot, ordinal), std::string_view(reinterpret_cast<const char*>(&kFormat), 1));
}

Status StoredTable::remove_vectors(Slot slot) const {
  const KeyRange range = keys::vectors(number_, slot, 0, kNoOrdinal);
  StoreBatch batch(*store_);
  Ordinal found = 0;
  ORTHANT_TRY(store_->scan(Family::kVectors, range, nullptr, [&](std::string_view key, std::string_view) {
    batch.remove(Family::kVectors, key);
    return ++found < kRangeRemovalRows;
  }));
  if (found == 0) return {};
  if (found < kRangeRemovalRows) return store_->write(batch);
  StoreBatch by_range(*store_);
  by_range.remove_range(Family::kVectors, range);
  ORTHANT_TRY(store_->write(by_range));
  store_->reclaim_space(Family::kVectors, range);
  return {};
}

void StoredTable::put_last_operation(StoreBatch& batch, std::uint64_t operation_id) const {
  batch.put(Family::kCatalog, keys::last_operation(number_), number_value(operation_id));
}

// ---- tables ----

Result<TableNumber> create_table(Store& store) {
  std::lock_guard lock(store.table_numbers_mutex());
  const auto value = ORTHANT_TRY(store.get(Family::kCatalog, keys::next_table()));
  const TableNumber number = value ? ORTHANT_TRY(parse_number<TableNumber>(*value, "next table number")) : 1;
  StoreBatch batch(store);
  batch.put(Family::kCatalog, keys::next_table(), number_value<TableNumber>(number + 1));
  batch.put(Family::kCatalog, keys::table(number), std::string_view(reinterpret_cast<const char*>(&kFormat), 1));
  ORTHANT_TRY(store.write(batch));
  return number;
}

Result<std::vector<TableNumber>> list_tables(Store& store) {
  std::vector<TableNumber> tables;
  ScanFailure failure;
  Status scanned = store.scan(Family::kCatalog, keys::all_tables(), nullptr, [&](std::string_view key, std::string_view) {
    const auto number = keys::parse_table(key);
    if (!number) return failure.stop(bad_key("table record"));
    tables.push_back(*number);
    return true;
  });
  ORTHANT_TRY(std::move(failure).after(std::move(scanned)));
  return tables;
}

Status drop_table(Store& store, TableNumber number) {
  StoreBatch batch(store);
  const bool by_range = ORTHANT_TRY(StoredTable(store, number).row_count()) >= kRangeRemovalRows;
  const KeyRange range = keys::whole_table(number);
  constexpr Family kFamilies[] = {Family::kIds, Family::kRows, Family::kVectors};
  for (Family family : kFamilies) {
    if (by_range) {
      batch.remove_range(family, range);
      continue;
    }
    ORTHANT_TRY(store.scan(family, range, nullptr, [&](std::string_view key, std::string_view) {
      batch.remove(family, key);
      return true;
    }));
  }
  batch.remove(Family::kCatalog, keys::last_operation(number));
  batch.remove(Family::kCatalog, keys::table(number));
  ORTHANT_TRY(store.write(batch));
  if (by_range) {
    for (Family family : kFamilies) store.reclaim_space(family, range);
  }
  return {};
}

}  // namespace orthant
