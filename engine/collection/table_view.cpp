#include "engine/collection/table_view.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "base/log.h"
#include "engine/collection/dense_slot.h"
#include "engine/collection/field_build.h"
#include "engine/collection/multi_slot.h"
#include "engine/collection/sparse_slot.h"
#include "engine/collection/stored_value.h"

namespace orthant {
namespace {

// Below this, handing pieces to a pool costs more than it saves.
constexpr Ordinal kParallelRows = 2'000;
// Rows encoded at once while an index catches up.
constexpr Ordinal kCatchUpRows = 1024;

}  // namespace

TableView::SlotHolder::~SlotHolder() {
  index.reset();
  if (!removed.load(std::memory_order_acquire)) return;
  if (Status done = table.remove_vectors(slot); !done) log_warning(done.error().message);
}

void TableView::hold(Slot slot, std::shared_ptr<SlotIndex> index) {
  slots_[slot] = std::make_shared<SlotHolder>(table_, slot, std::move(index));
}

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
  view->slot_names_ = std::make_shared<SlotNames>(record.slot_names);
  view->slots_.resize(record.slot_names.size());
  view->snapshot_rows_.store(view->slots_.empty() ? 0 : rows, std::memory_order_relaxed);
  for (Slot slot = 0; slot < view->slots_.size(); ++slot) {
    if (!record.slot_names.has(slot)) {
      // The process may have ended before the last holder of a removed vector had its values removed.
      ORTHANT_TRY(view->table_.remove_vectors(slot));
      continue;
    }
    const VectorConfig& config = record.config.vectors.at(record.slot_names[slot]);
    view->hold(slot, ORTHANT_TRY(view->open_slot(slot, config, rows < kParallelRows ? nullptr : pool)));
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

// A row that lacks the vector is a row of the index too, and one that is buried.
Result<std::shared_ptr<SlotIndex>> TableView::open_slot(Slot slot, const VectorConfig& config, ThreadPool* pool) {
  std::shared_ptr<SlotIndex> index;
  if (config.kind == VectorKind::kSparse) {
    auto sparse = std::make_shared<SparseSlot>(config, table_, slot);
    ORTHANT_TRY(sparse->fill(row_count(), [this](Ordinal ordinal) { return buried_.test(ordinal); }, pool));
    index = std::move(sparse);
  } else if (config.kind == VectorKind::kMulti) {
    index = std::make_shared<MultiSlot>(config, table_, slot);
  } else {
    index = ORTHANT_TRY(open_dense(slot, config, pool));
  }
  ORTHANT_TRY(catch_up(slot, *index));
  for (const Slot buried_in : {kAllSlots, slot}) {
    ORTHANT_TRY(table_.scan_burials(buried_in, [&index](Ordinal ordinal) { index->bury(ordinal); }));
  }
  return index;
}

Result<std::shared_ptr<SlotIndex>> TableView::open_dense(Slot slot, const VectorConfig& config, ThreadPool* pool) {
  std::shared_ptr<StoredFloatVectors> floats;
  if (config.index.form == VectorForm::kFloat32) {
    StoredRowForm form;
    if (config.datatype != VectorDatatype::kFloat32) {
      form = {stored_row_bytes(config),
              [config](std::string_view bytes, std::span<float> out) { read_indexed_row(config, bytes, out); }};
    }
    floats = std::make_shared<StoredFloatVectors>(
        table_, slot, config.index.dim, [this](Ordinal ordinal) { return rebuilding_ && buried_.test(ordinal); }, std::move(form));
  }
  std::unique_ptr<VectorIndex> index = ORTHANT_TRY(load_snapshot(slot, config.index, floats.get()));
  const Ordinal saved_rows = index ? index->row_count() : 0;
  snapshot_rows_.store(std::min(snapshot_rows_.load(std::memory_order_relaxed), saved_rows), std::memory_order_relaxed);
  if (!index && row_count() > 0 && floats) {
    rebuilding_ = true;
    auto rebuilt = VectorIndex::rebuild(config.index, floats.get(), row_count(), pool, home_);
    rebuilding_ = false;
    index = ORTHANT_TRY(std::move(rebuilt));
  }
  if (!index) index = ORTHANT_TRY(VectorIndex::create(config.index, floats.get(), home_));
  return std::make_shared<DenseSlot>(config, std::move(floats), std::move(index));
}

// Null where there is no snapshot that can be used; the caller then rebuilds.
Result<std::unique_ptr<VectorIndex>> TableView::load_snapshot(Slot slot, const IndexConfig& config,
                                                              const FloatVectors* floats) const {
  const std::filesystem::path file = snapshot_file(slot);
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return std::unique_ptr<VectorIndex>();
  auto loaded = VectorIndex::load(file, config, floats, home_);
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
Status TableView::catch_up(Slot slot, SlotIndex& index) {
  while (index.row_count() < row_count()) {
    const Ordinal first = index.row_count();
    const Ordinal count = std::min(kCatchUpRows, row_count() - first);
    std::vector<std::string> rows(count);
    ORTHANT_TRY(table_.scan_vectors(slot, first, first + count, [&](Ordinal ordinal, std::string_view bytes) {
      rows[ordinal - first] = bytes;
      return true;
    }));
    const std::vector<std::string_view> views(rows.begin(), rows.end());
    const auto encoded = index.encode(views);
    if (!encoded) return with_context(fmt::format("table {}, vector {}", table_.number(), slot), encoded.error());
    ORTHANT_TRY(index.append(**encoded));
  }
  return {};
}

Result<EncodedBatch> TableView::encode(std::span<const std::vector<std::string_view>> vectors) const {
  EncodedBatch batch;
  batch.rows = static_cast<Ordinal>(vectors.size());
  for (Slot slot = 0; slot < slots_.size(); ++slot) {
    batch.by_slot.push_back(slots_[slot] ? ORTHANT_TRY(encode_slot(slot, vectors)) : nullptr);
  }
  return batch;
}

Result<std::shared_ptr<const SlotRows>> TableView::encode_slot(Slot slot,
                                                               std::span<const std::vector<std::string_view>> vectors) const {
  std::vector<std::string_view> rows;
  rows.reserve(vectors.size());
  for (const auto& by_slot : vectors) rows.push_back(by_slot[slot]);
  auto encoded = slots_[slot]->index->encode(rows);
  if (!encoded) return with_context(fmt::format("table {}, vector {}", table_.number(), slot), std::move(encoded).error());
  return encoded;
}

Result<Slot> TableView::slot_of(std::string_view vector_name) const {
  const std::optional<Slot> slot = slot_names()->find(vector_name);
  if (!slot) return invalid_argument(fmt::format("Not existing vector name error: {}", vector_name));
  return *slot;
}

// Shares the life of the slot, whose floats the index reads.
std::shared_ptr<VectorIndex> TableView::index(Slot number) const {
  const std::shared_ptr<SlotIndex> held = slot(number);
  return held && held->dense() != nullptr ? std::shared_ptr<VectorIndex>(held, held->dense()) : nullptr;
}

Status TableView::add_slot(const std::string& name, const VectorConfig& config) {
  auto names = std::make_shared<SlotNames>(*slot_names_);
  const std::shared_ptr<SlotIndex> index = ORTHANT_TRY(open_slot(names->add(name), config, nullptr));
  const std::lock_guard lock(index_mutex_);
  slots_.emplace_back();
  hold(static_cast<Slot>(slots_.size() - 1), index);
  slot_names_ = std::move(names);
  return {};
}

void TableView::remove_slot(Slot slot) {
  auto names = std::make_shared<SlotNames>(*slot_names_);
  names->remove(slot);
  std::error_code ignored;  // a file left behind belongs to a slot that is never used again
  std::filesystem::remove(snapshot_file(slot), ignored);
  slots_[slot]->removed.store(true, std::memory_order_release);
  std::shared_ptr<SlotHolder> ended;  // the values are removed outside of the lock
  const std::lock_guard lock(index_mutex_);
  ended.swap(slots_[slot]);
  slot_names_ = std::move(names);
}

Status TableView::make_room(Ordinal rows) {
  for (const auto& slot : slots_) {
    if (slot) ORTHANT_TRY(slot->index->make_room(rows));
  }
  return {};
}

Status TableView::append(const EncodedBatch& batch) {
  ORTHANT_TRY(make_room(batch.rows));
  for (Slot slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot]) ORTHANT_TRY(slots_[slot]->index->append(*batch.by_slot[slot]));
  }
  row_count_.store(row_count() + batch.rows, std::memory_order_release);
  return {};
}

void TableView::bury(std::span<const std::pair<Slot, Ordinal>> burials) {
  std::vector<Ordinal> whole_rows;
  for (const auto& [slot, ordinal] : burials) {
    if (slot != kAllSlots) {
      if (slots_[slot]) slots_[slot]->index->bury(ordinal);
      continue;
    }
    for (const auto& slot_held : slots_) {
      if (slot_held) slot_held->index->bury(ordinal);
    }
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
  const auto& before = static_cast<const DenseSlot&>(*slots_[slot]->index);
  auto successor = std::make_shared<DenseSlot>(before.config(), before.floats(), std::move(index));
  const std::lock_guard lock(index_mutex_);
  hold(slot, std::move(successor));
  outdate_snapshots();  // the file holds the codes of the one before
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
  for (Slot slot = 0; slot < slot_count(); ++slot) {
    const std::shared_ptr<VectorIndex> saved = index(slot);
    if (saved) ORTHANT_TRY(saved->save(snapshot_file(slot), [this] { return table_.store().sync(); }));
  }
  snapshot_rows_.store(rows, std::memory_order_relaxed);
  return {};
}

}  // namespace orthant
