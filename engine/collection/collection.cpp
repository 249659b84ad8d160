#include "engine/collection/collection.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/collection/code_values.h"
#include "engine/collection/collection_impl.h"

namespace orthant {
namespace {

// Commands waiting for one collection's writer; past this the caller is asked to come back.
constexpr std::size_t kQueuedCommands = 4096;

}  // namespace

// ---- Impl ----

Collection::Impl::Impl(const CollectionEnvironment& shared, std::string collection_name, CollectionRecord record,
                       std::shared_ptr<TableView> view, std::uint64_t last_operation)
    : environment(shared),
      name(std::move(collection_name)),
      strand(shared.write_pool, kQueuedCommands),
      record_(std::move(record)),
      view_(std::move(view)),
      last_operation_(last_operation) {}

Result<std::shared_ptr<TableView>> Collection::Impl::view() const {
  std::lock_guard lock(state_mutex_);
  if (!view_) return not_found(fmt::format("Collection `{}` doesn't exist!", name));
  return view_;
}

CollectionRecord Collection::Impl::record() const {
  std::lock_guard lock(state_mutex_);
  return record_;
}

Result<Slot> Collection::Impl::slot_of(std::string_view vector_name) const {
  return ORTHANT_TRY(view())->slot_of(vector_name);
}

std::string Collection::Impl::slot_name(Slot slot) const {
  const auto current = view();
  if (!current) return std::to_string(slot);
  const std::shared_ptr<const SlotNames> names = (*current)->slot_names();
  return names->has(slot) ? (*names)[slot] : std::to_string(slot);
}

Result<VectorConfig> Collection::Impl::vector_config(std::string_view vector_name) const {
  ORTHANT_TRY(slot_of(vector_name));
  std::lock_guard lock(state_mutex_);
  const auto found = record_.config.vectors.find(std::string(vector_name));
  if (found != record_.config.vectors.end()) return found->second;
  return invalid_argument(fmt::format("Not existing vector name error: {}", vector_name));
}

// ---- opening ----

Collection::Collection(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Collection::~Collection() = default;

Result<std::unique_ptr<Collection>> Collection::open(const CollectionEnvironment& environment, std::string name,
                                                     CollectionRecord record) {
  std::shared_ptr<TableView> view = ORTHANT_TRY(
      TableView::open(environment.store, record, environment.index_path, &environment.search_pool, environment.memory_budget));
  const std::uint64_t last_operation = ORTHANT_TRY(view->table().last_operation());
  auto impl = std::make_shared<Impl>(environment, std::move(name), std::move(record), view, last_operation);
  impl->start_upkeep(view);
  return std::unique_ptr<Collection>(new Collection(std::move(impl)));
}

Result<std::unique_ptr<Collection>> Collection::create(const CollectionEnvironment& environment, std::string name,
                                                       CollectionConfig config) {
  for (const auto& [vector_name, vector] : config.vectors) {
    if (Status valid = validate(vector); !valid) {
      return with_context(fmt::format("vectors.{}", vector_name), std::move(valid).error());
    }
  }
  if (config.vectors.size() >= kFirstShadowSlot) return invalid_argument("vectors: too many names");
  CollectionRecord record;
  record.slot_names = assign_slots(config);
  record.config = std::move(config);
  record.table = ORTHANT_TRY(create_table(environment.store));
  ORTHANT_TRY(Collection::record(environment, name, record));
  return open(environment, std::move(name), std::move(record));
}

Status Collection::record(const CollectionEnvironment& environment, std::string_view name, const CollectionRecord& record) {
  StoreBatch batch(environment.store);
  put_collection(batch, name, record);
  ORTHANT_TRY(environment.store.write(batch));
  return environment.store.sync();
}

// ---- about the collection ----

const std::string& Collection::name() const {
  return impl_->name;
}

CollectionConfig Collection::config() const {
  return impl_->record().config;
}

std::map<std::string, UnindexedField> Collection::unindexed_fields() const {
  return impl_->unindexed_fields.noted(impl_->record().config.field_indexes);
}

void Collection::forget_unindexed_fields() const {
  impl_->unindexed_fields.clear();
}

CollectionStatistics Collection::statistics() const {
  CollectionStatistics statistics;
  statistics.queued_writes = impl_->strand.queued();
  const auto view = impl_->view();
  if (!view) return statistics;
  statistics.points = (*view)->live_count();
  statistics.buried_rows = (*view)->buried_count();
  const std::shared_ptr<const SlotNames> names = (*view)->slot_names();
  for (Slot slot = 0; slot < names->size(); ++slot) {
    const std::shared_ptr<SlotIndex> index = (*view)->slot(slot);
    if (!index || !names->has(slot)) continue;
    statistics.indexed_vectors += index->live_count();
    statistics.vector_bytes += index->vector_bytes();
    statistics.indexes.emplace((*names)[slot], index->statistics());
  }
  statistics.payload_bytes = (*view)->table().record_bytes();
  statistics.field_indexes = (*view)->fields().info();
  return statistics;
}

// ---- vectors on their way in ----

Result<Slot> Collection::slot_of(std::string_view vector_name) const {
  return impl_->slot_of(vector_name);
}

std::string Collection::slot_name(Slot slot) const {
  return impl_->slot_name(slot);
}

Result<VectorConfig> Collection::vector_config(std::string_view vector_name) const {
  return impl_->vector_config(vector_name);
}

Result<PreparedVector> Collection::prepare(std::string_view vector_name, const VectorValue& value) const {
  const std::shared_ptr<TableView> view = ORTHANT_TRY(impl_->view());
  const Slot slot = ORTHANT_TRY(view->slot_of(vector_name));
  const std::shared_ptr<SlotIndex> index = view->slot(slot);
  if (!index) return invalid_argument(fmt::format("Not existing vector name error: {}", vector_name));
  if (index->config().index.form != VectorForm::kFloat32) {
    return invalid_argument(fmt::format("vector `{}`: floats given, the collection takes ready codes", vector_name));
  }
  return PreparedVector{
      .slot = slot, .bytes = ORTHANT_TRY(index->prepare(value)), .source_text = {}, .generation = index->config().generation};
}

Result<PreparedVector> Collection::prepare_codes(std::string_view vector_name, std::span<const std::uint8_t> codes) const {
  const std::shared_ptr<TableView> view = ORTHANT_TRY(impl_->view());
  const Slot slot = ORTHANT_TRY(view->slot_of(vector_name));
  const std::shared_ptr<VectorIndex> index = view->index(slot);
  if (!index || index->config().form == VectorForm::kFloat32) {
    return invalid_argument(fmt::format("vector `{}`: codes given, the collection takes floats", vector_name));
  }
  const IndexConfig& config = index->config();
  if (codes.size() != vector_bytes(config.form, config.dim)) {
    return invalid_argument(
        fmt::format("Vector dimension error: expected {} code bytes, got {}", vector_bytes(config.form, config.dim), codes.size()));
  }
  return PreparedVector{.slot = slot, .bytes = std::string(as_string_view(codes)), .source_text = {}};
}

Result<std::vector<float>> Collection::query_from_codes(std::string_view vector_name, std::span<const std::uint8_t> codes) const {
  const PreparedVector prepared = ORTHANT_TRY(prepare_codes(vector_name, codes));
  const VectorConfig config = ORTHANT_TRY(vector_config(vector_name));
  return floats_of(config.index, prepared.bytes);
}

// ---- writes ----

Status Collection::write(WriteCommand command, WriteDone done) {
  return impl_->strand.submit([impl = impl_, command = std::move(command), done = std::move(done)]() mutable {
    impl->run(std::move(command), std::move(done));
  });
}

Status Collection::update_config(std::move_only_function<Status(CollectionConfig&)> change,
                                 std::move_only_function<void(Status)> done, bool wait_for_fields) {
  return impl_->strand.submit([impl = impl_, change = std::move(change), done = std::move(done), wait_for_fields]() mutable {
    Status changed = impl->change_config(std::move(change));
    if (!changed) return done(std::move(changed));
    if (!wait_for_fields) return impl->answer(true, std::move(done));
    impl->when_fields_ready([impl, done = std::move(done)](Status built) mutable {
      if (!built) return done(std::move(built));
      impl->answer(true, std::move(done));
    });
  });
}

Status Collection::drop(std::vector<std::string> aliases, std::move_only_function<void(Status)> done) {
  return impl_->strand.submit([impl = impl_, aliases = std::move(aliases), done = std::move(done)]() mutable {
    Status dropped = impl->drop(aliases);
    if (!dropped) return done(std::move(dropped));
    impl->answer(true, std::move(done));
  });
}

Status Collection::yield_to(CollectionRecord successor, std::move_only_function<void(Status)> done) {
  return impl_->strand.submit([impl = impl_, successor = std::move(successor), done = std::move(done)]() mutable {
    Status yielded = impl->yield_to(successor);
    if (!yielded) return done(std::move(yielded));
    impl->answer(true, std::move(done));
  });
}

void Collection::abandon() {
  if (const auto view = impl_->view()) (*view)->retire();
}

Result<std::shared_ptr<const TableView>> Collection::hold_table() const {
  return ORTHANT_TRY(impl_->view());
}

// ---- upkeep ----

void Collection::reclaim(std::function<void(Status)> done) {
  Status submitted = impl_->strand.submit([impl = impl_, done] { impl->start_reclaim(done); });
  if (!submitted) done(std::move(submitted));
}

Status Collection::save_snapshots() {
  const auto view = impl_->view();
  return view ? (*view)->save_snapshots(impl_->environment.limits) : Status();
}

}  // namespace orthant
