#include "engine/collection/table_view.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "base/log.h"
#include "engine/collection/code_values.h"
#include "engine/collection/field_build.h"

namespace orthant {
namespace {

// Below this, handing pieces to a pool costs more than it saves.
constexpr Ordinal kParallelRows = 2'000;
// Rows encoded at once while an index catches up.
constexpr Ordinal kCatchUpRows = 1024;

}  // namespace

TableView::TableView(StoredTable table, std::filesystem::path index_path, MemoryBudget* budget)
    : table_(std::move(table)), index_path_(std::move(index_path)), home_{index_path_, budget} {}

TableView::~TableView() {
  if (!retired_.load(std::memory_order_acquire)) return;
  for (Slot slot = 0; slot < slots_.size(); ++slot) {
    std::error_code ignored;  // a file left behind belongs to a table number that is never used again
    std::filesystem::remove(snapshot_file(slot), ignored);
  }
  // What cannot be removed now is removed at the next start: no collection owns the table.
  if (Status dropped = drop_table(table_.store(), table_.number()); !dropped) log_warning(dropped.error().message);
}

Result<std::shared_ptr<TableView>> TableView::open(Store& store, const CollectionRecord& record,
                                                   const std::filesystem::path& index_path, ThreadPool* pool,
                                                   MemoryBudget* budget) {
  std::shared_ptr<TableView> view(new TableView(StoredTable(store, record.table), index_path, budget));
  const Ordinal rows = ORTHANT_TRY(view->table_.row_count());
  view->row_count_.store(rows, std::memory_order_release);
  ORTHANT_TRY(view->load_burials());
  ORTHANT_TRY(view->build_field_indexes(record.config.field_indexes, rows < kParallelRows ? nullptr : pool));
  view->slots_.resize(record.slot_names.size());
  view->snapshot_rows_.store(view->slots_.empty() ? 0 : rows, std::memory_order_relaxed);
  for (Slot slot = 0; slot < view->slots_.size(); ++slot) {
    const VectorConfig& config = record.config.vectors.at(record.slot_names[slot]);
    ORTHANT_TRY(view->open_slot(slot, config.index, rows < kParallelRows ? nullptr : pool));
  }
  return view;
}

Status TableView::load_burials() {
  return table_.scan_burials(kAllSlots, [this](Ordinal ordinal) {
    if (buried_.set(ordinal)) buried_count_.fetch_add(1, std::memory_order_relaxed);
  });
}

Status TableView::build_field_indexes(const FieldSchemas& schemas, ThreadPool* pool) {
  if (schemas.empty()) return {};
  FieldIndexes::Builder builder = ORTHANT_TRY(FieldIndexes::Builder::make(schemas));
  ORTHANT_TRY(fill_field_indexes(builder, table_, 0, row_count(), pool, [this](Ordinal ordinal) { return is_buried(ordinal); }));
  fields_.install(std::move(builder));
  return {};
}

Status TableView::open_slot(Slot slot, const IndexConfig& config, ThreadPool* pool) {
  SlotView& view = slots_[slot];
  view.row_bytes = vector_bytes(config.form, config.dim);
  if (config.form == VectorForm::kFloat32) {
    view.floats = std::make_unique<StoredFloatVectors>(table_, slot, config.dim,
                                                       [this](Ordinal ordinal) { return rebuilding_ && buried_.test(ordinal); });
  }
  view.index = ORTHANT_TRY(load_snapshot(slot, config));
  const Ordinal saved_rows = view.index ? view.index->row_count() : 0;
  snapshot_rows_.store(std::min(snapshot_rows_.load(std::memory_order_relaxed), saved_rows), std::memory_order_relaxed);
  if (!view.index && row_count() > 0 && view.floats) {
    rebuilding_ = true;
    auto rebuilt = VectorIndex::rebuild(config, view.floats.get(), row_count(), pool, home_);
    rebuilding_ = false;
    view.index = ORTHANT_TRY(std::move(rebuilt));
  }
  if (!view.index) view.index = ORTHANT_TRY(VectorIndex::create(config, view.floats.get(), home_));
  ORTHANT_TRY(catch_up(slot));
  for (const Slot buried_in : {kAllSlots, slot}) {
    ORTHANT_TRY(table_.scan_burials(buried_in, [&view](Ordinal ordinal) { view.index->bury(ordinal); }));
  }
  return {};
}

// Null where there is no snapshot that can be used; the caller then rebuilds.
Result<std::unique_ptr<VectorIndex>> TableView::load_snapshot(Slot slot, const IndexConfig& config) const {
  const std::filesystem::path file = snapshot_file(slot);
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return std::unique_ptr<VectorIndex>();
  auto loaded = VectorIndex::load(file, config, slots_[slot].floats.get(), home_);
  if (!loaded) {
    log_warning(fmt::format("index snapshot {} is not used, the index is rebuilt: {}", file.string(), loaded.error().message));
    return std::unique_ptr<VectorIndex>();
  }
  if ((*loaded)->row_count() > row_count()) {
    log_warning(fmt::format("index snapshot {} has {} rows, the store has {}: the index is rebuilt", file.string(),
                            (*loaded)->row_count(), row_count()));
    return std::unique_ptr<VectorIndex>();
  }
  return std::move(*loaded);
}

// Appends the rows that the index lacks, in ascending order, rows without this vector included.
Status TableView::catch_up(Slot slot) {
  VectorIndex& index = *slots_[slot].index;
  while (index.row_count() < row_count()) {
    const Ordinal first = index.row_count();
    const Ordinal count = std::min(kCatchUpRows, row_count() - first);
    std::vector<std::string> rows(count);
    ORTHANT_TRY(table_.scan_vectors(slot, first, first + count, [&](Ordinal ordinal, std::string_view bytes) {
      rows[ordinal - first] = bytes;
      return true;
    }));
    std::vector<std::vector<std::string_view>> vectors(count, std::vector<std::string_view>(slot + 1U));
    for (Ordinal i = 0; i < count; ++i) vectors[i][slot] = rows[i];
    ORTHANT_TRY(index.append(*ORTHANT_TRY(encode_slot(slot, vectors))));
  }
  return {};
}

Result<EncodedBatch> TableView::encode(std::span<const std::vector<std::string_view>> vectors) const {
  EncodedBatch batch;
  batch.rows = static_cast<Ordinal>(vectors.size());
  for (Slot slot = 0; slot < slots_.size(); ++slot) batch.by_slot.push_back(ORTHANT_TRY(encode_slot(slot, vectors)));
  return batch;
}

Result<std::shared_ptr<const EncodedRows>> TableView::encode_slot(Slot slot,
                                                                  std::span<const std::vector<std::string_view>> vectors) const {
  const SlotView& view = slots_[slot];
  std::vector<std::uint8_t> present(vectors.size());
  // Floats need their alignment; codes have none.
  std::vector<float> storage((vectors.size() * view.row_bytes + sizeof(float) - 1) / sizeof(float));
  auto* bytes = reinterpret_cast<std::uint8_t*>(storage.data());
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    const std::string_view row = vectors[i][slot];
    if (row.empty()) continue;
    if (row.size() != view.row_bytes) {
      return data_corruption(
          fmt::format("table {}, vector {}: a row has {} bytes, expected {}", table_.number(), slot, row.size(), view.row_bytes));
    }
    present[i] = 1;
    std::memcpy(bytes + i * view.row_bytes, row.data(), row.size());
  }
  if (view.floats) return view.index->encode_rows(storage, present);
  return view.index->encode_codes({bytes, vectors.size() * view.row_bytes}, present);
}

Status TableView::make_room(Ordinal rows) {
  for (SlotView& view : slots_) ORTHANT_TRY(view.index->make_room(rows));
  return {};
}

Status TableView::append(const EncodedBatch& batch) {
  ORTHANT_TRY(make_room(batch.rows));
  for (Slot slot = 0; slot < slots_.size(); ++slot) ORTHANT_TRY(slots_[slot].index->append(*batch.by_slot[slot]));
  row_count_.store(row_count() + batch.rows, std::memory_order_release);
  return {};
}

void TableView::bury(std::span<const std::pair<Slot, Ordinal>> burials) {
  std::vector<Ordinal> whole_rows;
  for (const auto& [slot, ordinal] : burials) {
    if (slot != kAllSlots) {
      slots_[slot].index->bury(ordinal);
      continue;
    }
    for (SlotView& view : slots_) view.index->bury(ordinal);
    if (!buried_.set(ordinal)) continue;
    buried_count_.fetch_add(1, std::memory_order_relaxed);
    whole_rows.push_back(ordinal);
  }
  fields_.bury(whole_rows);
}

void TableView::keep_live(Bitmap& rows) const {
  const std::span<std::uint64_t> words = rows.words();
  for (std::size_t i = 0; i < words.size(); ++i) words[i] &= ~buried_.word(i);
}

void TableView::replace_index(Slot slot, std::shared_ptr<VectorIndex> index) {
  const std::lock_guard lock(index_mutex_);
  slots_[slot].index = std::move(index);
  snapshot_rows_.store(0, std::memory_order_relaxed);  // the file holds the codes of the one before
}

std::filesystem::path TableView::snapshot_file(Slot slot) const {
  return index_path_ / fmt::format("{}-{}.index", table_.number(), slot);
}

// Rows that are appended and buried meanwhile are taken from the store when the snapshot is loaded. A snapshot must never know of a
// change that a power cut could take from the store, so the log is synced when all has been read, before the file gets its name.
Status TableView::save_snapshots(const UpkeepLimits& limits) {
  const std::lock_guard lock(snapshot_mutex_);
  const Ordinal rows = row_count();
  if (rows < limits.snapshot_rows || rows_since_snapshot() == 0) return {};
  for (Slot slot = 0; slot < slots_.size(); ++slot) {
    ORTHANT_TRY(index(slot)->save(snapshot_file(slot), [this] { return table_.store().sync(); }));
  }
  snapshot_rows_.store(rows, std::memory_order_relaxed);
  return {};
}

}  // namespace orthant
