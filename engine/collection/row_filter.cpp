#include "engine/collection/row_filter.h"

#include <algorithm>
#include <bit>

namespace orthant {
namespace {

constexpr std::size_t kCacheBytes = std::size_t{16} << 20;
constexpr std::size_t kRowsPerWord = 64;
// Words of rows handed to a thread at once.
constexpr std::size_t kGrainWords = 64;
// One of so many rows has to be wanted for a scan to be cheaper than single reads.
constexpr std::size_t kScanShare = 8;
// Times that ids are looked up again because a write came between.
constexpr int kLookUpAttempts = 3;
// More ids than one for so many rows are left to the rows.
constexpr std::size_t kIdShare = 4;
// So few are read in one go.
constexpr std::size_t kRowsAtOnce = 256;

std::vector<Ordinal> ordinals_of(const Bitmap& rows, std::size_t first_word, std::size_t last_word) {
  std::vector<Ordinal> ordinals;
  for (std::size_t i = first_word; i < last_word; ++i) {
    for (std::uint64_t word = rows.words()[i]; word != 0; word &= word - 1) {
      ordinals.push_back(static_cast<Ordinal>(i * kRowsPerWord + static_cast<std::size_t>(std::countr_zero(word))));
    }
  }
  return ordinals;
}

// Takes out of `rows` those of the words [first, last) that do not match: by one scan where most are to be asked, else by reading
// them singly.
Status ask_words(const TableView& view, const RowFilter& filter, std::size_t first, std::size_t last, Bitmap& rows) {
  const std::vector<Ordinal> ordinals = ordinals_of(rows, first, last);
  if (ordinals.empty()) return {};
  if (ordinals.size() * kScanShare >= (last - first) * kRowsPerWord) {
    return view.table().scan_points(ordinals.front(), ordinals.back() + 1, [&](Ordinal ordinal, const PointRecordView& record) {
      if (rows.test(ordinal) && !filter.matches(record)) rows.reset(ordinal);
      return true;
    });
  }
  const std::vector<PointRecord> records = ORTHANT_TRY(view.table().read_points(ordinals));
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!filter.matches(records[i])) rows.reset(ordinals[i]);
  }
  return {};
}

// Leaves of `rows` those that match.
Status ask_rows(const TableView& view, const RowFilter& filter, Bitmap& rows, ThreadPool* pool) {
  const std::size_t words = rows.words().size();
  if (rows.count() <= kRowsAtOnce) return ask_words(view, filter, 0, words, rows);
  std::mutex mutex;
  Status failed;  // guarded by mutex
  // Threads get whole words of the bitmap, so none writes where another does.
  parallel_for(pool, words, kGrainWords, [&](std::size_t begin, std::size_t end) {
    for (std::size_t word = begin; word < end; word += kGrainWords) {
      Status asked = ask_words(view, filter, word, std::min(end, word + kGrainWords), rows);
      if (asked) continue;
      std::lock_guard lock(mutex);
      failed = std::move(asked);
    }
  });
  return failed;
}

RowBounds live_bounds(const TableView& view, RowBounds bounds) {
  view.keep_live(bounds.possible);
  if (bounds.certain) view.keep_live(*bounds.certain);
  return bounds;
}

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

std::string name_of(const Condition& condition) {
  if (const auto* field = std::get_if<FieldCondition>(&condition)) return field->key;
  if (const auto* nested = std::get_if<Nested>(&condition)) return "nested " + nested->key;
  if (std::holds_alternative<HasId>(condition)) return "has_id";
  if (std::holds_alternative<HasVector>(condition)) return "has_vector";
  return std::holds_alternative<IdSlice>(condition) ? "slice" : "filter";
}

}  // namespace

bool is_empty(const Filter& filter) {
  return filter.must.empty() && filter.should.empty() && filter.must_not.empty() && !filter.min_should;
}

Result<RowFilter> RowFilter::compile(const Filter& filter, const SlotNames& slot_names, const TextFields& text_fields) {
  return RowFilter(ORTHANT_TRY(FilterEvaluator::compile(filter, text_fields)), slot_names);
}

template <typename HasSlot>
bool RowFilter::matches(const PointId& id, std::string_view payload, const HasSlot& has_slot) const {
  return evaluator_.matches(id, payload, [&](std::string_view name) {
    const std::optional<Slot> slot = slot_names_->find(name);
    return slot && has_slot(*slot);
  });
}

bool RowFilter::matches(const PointRecordView& record) const {
  return matches(record.id, record.payload, [&record](Slot slot) { return record.has_slot(slot); });
}

bool RowFilter::matches(const PointRecord& record) const {
  return matches(record.id, record.payload,
                 [&record](Slot slot) { return std::ranges::find(record.slots, slot) != record.slots.end(); });
}

// A point that is being replaced has two rows for an instant, and the store leads to the newer one before the view has buried the
// older. So the rows of ids are taken as known only when no write was in progress meanwhile; otherwise all possible rows are asked.
Result<RowBounds> bounds_of(const TableView& view, const FieldIndexes::Fields& fields, const Filter& filter) {
  const std::vector<PointId> ids = named_ids(filter);
  std::size_t rows = view.row_count();
  std::optional<IdOrdinals> known;
  for (int attempt = 0; attempt < kLookUpAttempts && !known && !ids.empty() && ids.size() < rows / kIdShare; ++attempt) {
    const std::uint64_t moment = view.write_moment();
    const std::vector<Ordinal> ordinals = ORTHANT_TRY(view.table().find(ids));
    rows = view.row_count();
    if (moment % 2 == 1 || view.write_moment() != moment) continue;
    known.emplace();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (ordinals[i] != kNoOrdinal) known->emplace(ids[i], ordinals[i]);
    }
  }
  if (fields.empty() && !known) return live_bounds(view, RowBounds::unknown(rows));
  return live_bounds(view, view.fields().bounds(fields, filter, rows, known ? &*known : nullptr));
}

Result<Bitmap> matching_rows(const TableView& view, const Filter& filter, ThreadPool* pool, FilterTrace* trace) {
  FilterTrace ignored;
  FilterTrace& told = trace == nullptr ? ignored : *trace;
  const auto fields = view.fields().fields();
  const std::shared_ptr<const SlotNames> slot_names = view.slot_names();
  const RowFilter row_filter = ORTHANT_TRY(RowFilter::compile(filter, *slot_names, fields->text));
  if (const auto ids = only_possible_ids(filter)) {
    told.source = FilterSource::kIds;
    told.read_payloads = ids->size();
    return matching_ids(view, row_filter, *ids);
  }
  const RowBounds bounds = ORTHANT_TRY(bounds_of(view, *fields, filter));
  told.source = FilterSource::kIndexes;
  if (bounds.exact()) return bounds.possible;
  Bitmap matching = bounds.certain_rows();
  Bitmap undecided = bounds.undecided();
  if (trace != nullptr) {
    told.read_payloads = undecided.count();
    told.source = told.read_payloads == view.live_count() ? FilterSource::kPayloads : FilterSource::kIndexesAndPayloads;
  }
  ORTHANT_TRY(ask_rows(view, row_filter, undecided, pool));
  matching |= undecided;
  return matching;
}

std::string_view filter_source_name(FilterSource source) {
  switch (source) {
    case FilterSource::kCache: return "cache";
    case FilterSource::kIds: return "ids";
    case FilterSource::kIndexes: return "indexes";
    case FilterSource::kIndexesAndPayloads: return "indexes and payloads";
    case FilterSource::kPayloads: return "payloads";
  }
  return "payloads";
}

Result<std::vector<ConditionTrace>> trace_conditions(const TableView& view, const Filter& filter) {
  const auto fields = view.fields().fields();
  std::vector<ConditionTrace> traces;
  const auto trace_all = [&](std::string_view clause, const std::vector<Condition>& conditions) -> Status {
    for (const Condition& condition : conditions) {
      Filter alone;
      (clause == "must_not" ? alone.must_not : alone.must).push_back(condition);
      const RowBounds bounds = ORTHANT_TRY(bounds_of(view, *fields, alone));
      const std::uint64_t possible = bounds.possible.count();
      const bool unknown = !bounds.exact() && bounds.undecided().count() >= view.live_count();
      const FilterSource source = std::holds_alternative<HasId>(condition) ? FilterSource::kIds
                                  : bounds.exact()                         ? FilterSource::kIndexes
                                  : unknown                                ? FilterSource::kPayloads
                                                                           : FilterSource::kIndexesAndPayloads;
      traces.push_back({std::string(clause), name_of(condition), source, possible});
    }
    return {};
  };
  ORTHANT_TRY(trace_all("must", filter.must));
  ORTHANT_TRY(trace_all("should", filter.should));
  ORTHANT_TRY(trace_all("must_not", filter.must_not));
  if (filter.min_should) ORTHANT_TRY(trace_all("min_should", filter.min_should->conditions));
  return traces;
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

std::shared_ptr<const AllowedRows> FilterCache::find(const std::string& key, std::uint64_t version) {
  std::lock_guard lock(mutex_);
  if (!move_to(version)) return nullptr;
  const auto found = std::ranges::find(entries_, key, &Entry::key);
  if (found == entries_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found);
  return found->rows;
}

void FilterCache::insert(std::string key, std::uint64_t version, std::shared_ptr<const AllowedRows> rows) {
  const std::size_t bytes = rows->rows.size() / 8 + key.size();
  std::lock_guard lock(mutex_);
  if (bytes > kCacheBytes || !move_to(version)) return;
  entries_.push_front({std::move(key), std::move(rows)});
  bytes_ += bytes;
  while (bytes_ > kCacheBytes) {
    bytes_ -= entries_.back().rows->rows.size() / 8 + entries_.back().key.size();
    entries_.pop_back();
  }
}

}  // namespace orthant
