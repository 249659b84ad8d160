// How another model's embeddings of kept texts replace those that serve. They gather as shadows (shadow_vectors.h) beside the
// vectors of their rows, which makes the progress durable without a record of it: a text is encoded when its row has a shadow of
// the present generation. Texts that are written meanwhile bring their shadow along. The switch is a reclaim (reclaim.h) that takes
// shadows for vectors: the new table, with its index of the new dimension, is brought up beside the old one, and the record that
// names it names the new encoder.

#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "engine/collection/collection_impl.h"
#include "engine/collection/shadow_vectors.h"
#include "engine/collection/stored_value.h"

namespace orthant {
namespace {

// Rows looked at together.
constexpr Ordinal kScanRows = 512;

std::unexpected<Error> no_reembedding(std::string_view collection, std::string_view vector_name) {
  return fail(ErrorCode::kCancelled,
              fmt::format("collection {}, vector `{}`: no re-embedding is running", collection, vector_name));
}

std::vector<Slot> reembedded_slots(const CollectionRecord& record) {
  std::vector<Slot> slots;
  for (Slot slot = 0; slot < record.slot_names.size(); ++slot) {
    if (record.slot_names.has(slot) && record.config.vectors.at(record.slot_names[slot]).reembedding) slots.push_back(slot);
  }
  return slots;
}

struct TextRow {
  Ordinal ordinal = 0;
  std::string text;
};

// The rows [first, last) that live and whose vector of the slot was made from a text. `having` counts those with the vector.
Result<std::vector<TextRow>> text_rows(const StoredTable& table, Slot slot, Ordinal first, Ordinal last, std::uint64_t& having) {
  std::vector<Ordinal> ordinals;
  std::vector<PointId> ids;
  ORTHANT_TRY(table.scan_points(first, last, [&](Ordinal ordinal, const PointRecordView& record) {
    if (record.has_slot(slot)) {
      ordinals.push_back(ordinal);
      ids.push_back(record.id);
    }
    return true;
  }));
  const std::vector<Ordinal> live = ORTHANT_TRY(table.find(ids));
  std::size_t position = 0;
  std::erase_if(ordinals, [&](Ordinal ordinal) { return live[position++] != ordinal; });
  having += ordinals.size();
  std::vector<TextRow> rows;
  std::vector<PointRecord> records = ORTHANT_TRY(table.read_points(ordinals));
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto source = std::ranges::find(records[i].sources, slot, &SourceText::slot);
    if (source != records[i].sources.end()) rows.push_back({ordinals[i], std::move(source->text)});
  }
  return rows;
}

// Which of the rows have a shadow of the generation.
Result<std::vector<bool>> shadowed_rows(const StoredTable& table, Slot slot, std::uint32_t generation,
                                        const std::vector<TextRow>& rows) {
  std::vector<Ordinal> ordinals;
  for (const TextRow& row : rows) ordinals.push_back(row.ordinal);
  std::vector<bool> shadowed(rows.size());
  ORTHANT_TRY(table.read_vectors(shadow_of(slot), ordinals, [&](std::size_t i, std::string_view value) -> Status {
    const auto shadow = parse_shadow(value);
    shadowed[i] = shadow && shadow->generation == generation;
    return {};
  }));
  return shadowed;
}

}  // namespace

std::vector<Slot> Collection::Impl::shadowed_slots() const {
  return reembedded_slots(record_);
}

std::vector<std::string> Collection::Impl::reembedded_vectors() const {
  std::lock_guard lock(state_mutex_);
  std::vector<std::string> names;
  for (const Slot slot : reembedded_slots(record_)) names.push_back(record_.slot_names[slot]);
  return names;
}

void Collection::Impl::remove_abandoned_shadows(const CollectionRecord& before, const TableView& current) const {
  const std::vector<Slot> running = shadowed_slots();
  for (const Slot slot : reembedded_slots(before)) {
    if (std::ranges::find(running, slot) != running.end()) continue;
    // What cannot be removed is passed over by the next re-embedding.
    if (Status removed = current.table().remove_vectors(shadow_of(slot)); !removed) log_warning(removed.error().message);
  }
}

Status Collection::Impl::store_shadows(const UnencodedTexts& texts, const std::vector<PreparedVector>& shadows) {
  ORTHANT_TRY(check_in_charge());
  const std::shared_ptr<TableView> current = ORTHANT_TRY(view());
  if (shadows.empty()) return {};
  const Slot slot = without_shadow(shadows.front().slot);
  if (!record_.slot_names.has(slot)) return no_reembedding(name, std::to_string(slot));
  const VectorConfig& config = record_.config.vectors.at(record_.slot_names[slot]);
  if (!config.reembedding || config.last_generation != texts.generation) return no_reembedding(name, record_.slot_names[slot]);
  // The rows have other ordinals by now: they are looked for, and encoded, once more.
  if (current->table().number() != texts.table) return {};
  StoreBatch batch(environment.store);
  for (std::size_t i = 0; i < shadows.size(); ++i) {
    current->table().put_vector(batch, shadow_of(slot), texts.ordinals[i], shadow_value(texts.generation, shadows[i].bytes));
    if (journal_) journal_->shadowed.emplace_back(slot, texts.ordinals[i]);
  }
  ORTHANT_TRY(environment.store.write(batch));
  environment.syncer.note_write();
  return {};
}

void Collection::Impl::start_switch(Slot slot, ReclaimDone done) {
  CollectionRecord target = record();
  if (!target.slot_names.has(slot)) return done(no_reembedding(name, std::to_string(slot)));
  const VectorConfig& config = target.config.vectors.at(target.slot_names[slot]);
  if (!config.reembedding) return done(no_reembedding(name, target.slot_names[slot]));
  const ShadowSwitch shadow_switch{slot, config.last_generation, config.reembedding->drop_without_text};
  if (Status applied = apply_switch(shadow_switch, target); !applied) return done(std::move(applied));
  start_reclaim(std::move(target), shadow_switch, std::move(done));
}

Status Collection::Impl::apply_switch(const ShadowSwitch& shadow_switch, CollectionRecord& target) const {
  if (!target.slot_names.has(shadow_switch.slot)) return no_reembedding(name, std::to_string(shadow_switch.slot));
  const std::string& vector_name = target.slot_names[shadow_switch.slot];
  VectorConfig& config = target.config.vectors.at(vector_name);
  if (!config.reembedding || config.last_generation != shadow_switch.generation) return no_reembedding(name, vector_name);
  if (config.kind != VectorKind::kSparse) config.index.dim = config.reembedding->encoder.dim;
  config.encoder = std::move(config.reembedding->encoder);
  config.generation = shadow_switch.generation;
  config.reembedding.reset();
  return validate(config);
}

Result<TextCounts> Collection::count_texts(std::string_view vector_name) const {
  const std::shared_ptr<TableView> view = ORTHANT_TRY(impl_->view());
  const Slot slot = ORTHANT_TRY(view->slot_of(vector_name));
  const std::uint32_t generation = ORTHANT_TRY(impl_->vector_config(vector_name)).last_generation;
  TextCounts counts;
  const Ordinal rows = view->row_count();
  for (Ordinal first = 0; first < rows; first += std::min(kScanRows, rows - first)) {
    if (impl_->environment.stopping.load(std::memory_order_relaxed)) {
      return fail(ErrorCode::kCancelled, "counting texts: the process is stopping");
    }
    const Ordinal last = first + std::min(kScanRows, rows - first);
    const auto found = ORTHANT_TRY(text_rows(view->table(), slot, first, last, counts.points_with_vector));
    counts.texts += found.size();
    counts.encoded +=
        static_cast<std::uint64_t>(std::ranges::count(ORTHANT_TRY(shadowed_rows(view->table(), slot, generation, found)), true));
  }
  return counts;
}

Result<UnencodedTexts> Collection::unencoded_texts(std::string_view vector_name, TableNumber table, Ordinal from,
                                                   std::size_t limit) const {
  const std::shared_ptr<TableView> view = ORTHANT_TRY(impl_->view());
  const Slot slot = ORTHANT_TRY(view->slot_of(vector_name));
  const VectorConfig config = ORTHANT_TRY(impl_->vector_config(vector_name));
  if (!config.reembedding) return no_reembedding(impl_->name, vector_name);
  UnencodedTexts texts;
  texts.generation = config.last_generation;
  texts.table = view->table().number();
  texts.next = table == texts.table ? from : 0;
  const Ordinal rows = view->row_count();
  std::uint64_t having = 0;
  while (texts.next < rows && texts.texts.size() < limit) {
    const auto wanted = static_cast<Ordinal>(std::min<std::size_t>(limit - texts.texts.size(), kScanRows));
    const Ordinal last = texts.next + std::min(wanted, rows - texts.next);
    std::vector<TextRow> found = ORTHANT_TRY(text_rows(view->table(), slot, texts.next, last, having));
    const std::vector<bool> encoded = ORTHANT_TRY(shadowed_rows(view->table(), slot, texts.generation, found));
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (encoded[i]) {
        ++texts.encoded;
        continue;
      }
      texts.ordinals.push_back(found[i].ordinal);
      texts.texts.push_back(std::move(found[i].text));
    }
    texts.next = last;
  }
  texts.at_end = texts.next >= rows;
  return texts;
}

Result<std::vector<float>> Collection::serving_embeddings(std::string_view vector_name, const UnencodedTexts& texts) const {
  const std::shared_ptr<TableView> view = ORTHANT_TRY(impl_->view());
  const Slot slot = ORTHANT_TRY(view->slot_of(vector_name));
  const VectorConfig config = ORTHANT_TRY(impl_->vector_config(vector_name));
  if (view->table().number() != texts.table) return fail(ErrorCode::kUnavailable, "the rows were rewritten meanwhile");
  const std::size_t dim = config.index.dim;
  std::vector<float> floats(texts.ordinals.size() * dim);
  std::size_t found = 0;
  ORTHANT_TRY(view->table().read_vectors(slot, texts.ordinals, [&](std::size_t i, std::string_view bytes) -> Status {
    if (bytes.size() != stored_row_bytes(config)) return data_corruption("a stored vector of another length");
    read_numbers(config.datatype, bytes, std::span(floats).subspan(i * dim, dim));
    ++found;
    return {};
  }));
  if (found == texts.ordinals.size()) return floats;
  return fail(ErrorCode::kUnavailable, fmt::format("{} rows were removed meanwhile", texts.ordinals.size() - found));
}

std::vector<std::string> Collection::reembedded_vectors() const {
  return impl_->reembedded_vectors();
}

void Collection::put_shadows(UnencodedTexts texts, std::vector<PreparedVector> shadows,
                             std::move_only_function<void(Status)> done) {
  auto shared = std::make_shared<std::move_only_function<void(Status)>>(std::move(done));
  Status queued = impl_->strand.submit_continuation([impl = impl_, texts = std::move(texts), shadows = std::move(shadows), shared] {
    (*shared)(impl->store_shadows(texts, shadows));
  });
  if (!queued) (*shared)(std::move(queued));
}

void Collection::switch_to_shadows(std::string_view vector_name, std::function<void(Status)> done) {
  const Result<Slot> slot = impl_->slot_of(vector_name);
  if (!slot) return done(std::unexpected<Error>(slot.error()));
  // The log is synced before anybody hears of the switch.
  auto synced = [impl = impl_, done](Status switched) {
    if (!switched) return done(std::move(switched));
    impl->answer(true, done);
  };
  Status queued = impl_->strand.submit_continuation([impl = impl_, slot = *slot, synced] { impl->start_switch(slot, synced); });
  if (!queued) done(std::move(queued));
}

Result<std::optional<BulkProgress>> Collection::bulk_progress(std::string_view operation) const {
  ORTHANT_TRY(impl_->view());
  auto progress = ORTHANT_TRY(read_bulk_progress(impl_->environment.store, impl_->name, operation));
  if (progress) ORTHANT_TRY(impl_->environment.store.sync());
  return progress;
}

Result<std::map<std::string, BulkProgress>> Collection::bulk_operations() const {
  ORTHANT_TRY(impl_->view());
  auto operations = ORTHANT_TRY(read_bulk_operations(impl_->environment.store, impl_->name));
  ORTHANT_TRY(impl_->environment.store.sync());
  return operations;
}

}  // namespace orthant
