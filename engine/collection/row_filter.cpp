#include "engine/collection/row_filter.h"

#include <algorithm>

namespace orthant {
namespace {

constexpr std::size_t kCacheBytes = std::size_t{16} << 20;
constexpr std::size_t kRowsPerWord = 64;
// Words of rows handed to a thread at once.
constexpr std::size_t kGrainWords = 64;

// The few rows that has_id conditions leave possible.
Result<Bitmap> matching_ids(const TableView& view, const RowFilter& filter, std::span<const PointId> ids) {
  Bitmap rows(view.row_count());
  std::vector<Ordinal> ordinals = ORTHANT_TRY(view.table().find(ids));
  // Rows that came after the bitmap was sized are not in it.
  std::erase_if(ordinals, [&](Ordinal ordinal) { return ordinal == kNoOrdinal || ordinal >= rows.size(); });
  const std::vector<PointRecord> records = ORTHANT_TRY(view.table().read_points(ordinals));
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (filter.matches(records[i])) rows.set(ordinals[i]);
  }
  return rows;
}

}  // namespace

bool is_empty(const Filter& filter) {
  return filter.must.empty() && filter.should.empty() && filter.must_not.empty() && !filter.min_should;
}

Result<RowFilter> RowFilter::compile(const Filter& filter, const std::vector<std::string>& slot_names) {
  return RowFilter(ORTHANT_TRY(FilterEvaluator::compile(filter)), slot_names);
}

template <typename HasSlot>
bool RowFilter::matches(const PointId& id, std::string_view payload, const HasSlot& has_slot) const {
  return evaluator_.matches(id, payload, [&](std::string_view name) {
    const auto found = std::ranges::find(*slot_names_, name);
    return found != slot_names_->end() && has_slot(static_cast<Slot>(found - slot_names_->begin()));
  });
}

bool RowFilter::matches(const PointRecordView& record) const {
  return matches(record.id, record.payload, [&record](Slot slot) { return record.has_slot(slot); });
}

bool RowFilter::matches(const PointRecord& record) const {
  return matches(record.id, record.payload,
                 [&record](Slot slot) { return std::ranges::find(record.slots, slot) != record.slots.end(); });
}

Result<Bitmap> matching_rows(const TableView& view, const Filter& filter, const std::vector<std::string>& slot_names,
                             ThreadPool* pool) {
  const RowFilter row_filter = ORTHANT_TRY(RowFilter::compile(filter, slot_names));
  if (const auto ids = only_possible_ids(filter)) return matching_ids(view, row_filter, *ids);
  const Ordinal row_count = view.row_count();
  Bitmap rows(row_count);
  std::mutex mutex;
  Status failed;  // guarded by mutex
  // Threads get whole words of the bitmap, so none writes where another does.
  parallel_for(pool, (row_count + kRowsPerWord - 1) / kRowsPerWord, kGrainWords, [&](std::size_t begin, std::size_t end) {
    const auto first = static_cast<Ordinal>(begin * kRowsPerWord);
    const auto last = static_cast<Ordinal>(std::min<std::size_t>(end * kRowsPerWord, row_count));
    Status scanned = view.table().scan_points(first, last, [&](Ordinal ordinal, const PointRecordView& record) {
      if (!view.is_buried(ordinal) && row_filter.matches(record)) rows.set(ordinal);
      return true;
    });
    if (scanned) return;
    std::lock_guard lock(mutex);
    failed = std::move(scanned);
  });
  ORTHANT_TRY(std::move(failed));
  return rows;
}

bool FilterCache::move_to(std::uint64_t version) {
  if (version < version_) return false;
  if (version > version_) {
    entries_.clear();
    bytes_ = 0;
    version_ = version;
  }
  return true;
}

std::shared_ptr<const Bitmap> FilterCache::find(const std::string& key, std::uint64_t version) {
  std::lock_guard lock(mutex_);
  if (!move_to(version)) return nullptr;
  const auto found = std::ranges::find(entries_, key, &Entry::key);
  if (found == entries_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found);
  return found->rows;
}

void FilterCache::insert(std::string key, std::uint64_t version, std::shared_ptr<const Bitmap> rows) {
  const std::size_t bytes = rows->size() / 8 + key.size();
  std::lock_guard lock(mutex_);
  if (bytes > kCacheBytes || !move_to(version)) return;
  entries_.push_front({std::move(key), std::move(rows)});
  bytes_ += bytes;
  while (bytes_ > kCacheBytes) {
    bytes_ -= entries_.back().rows->size() / 8 + entries_.back().key.size();
    entries_.pop_back();
  }
}

}  // namespace orthant
