#include "engine/engine.h"

#include <algorithm>
#include <future>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "base/log.h"
#include "base/machine_memory.h"
#include "engine/engine_impl.h"

namespace orthant {
namespace {

// Bounds of the queues: requests that wait for a thread. Past them callers are told to come back.
constexpr std::size_t kQueuedRequests = 8192;
constexpr std::size_t kBackgroundJobs = 4096;
// Writers wait for the disk more than they compute.
constexpr std::size_t kWriteThreads = 3;
constexpr std::size_t kBackgroundThreads = 2;
constexpr std::size_t kRequestThreads = 2;
constexpr std::size_t kSnapshotThreads = 2;
constexpr std::size_t kQueuedSnapshots = 64;
// How long shutting down waits for requests that were accepted.
constexpr std::chrono::seconds kDrainTime{30};
// The value of --model that loads none.
constexpr std::string_view kNoModel = "none";

std::size_t thread_count(const Settings& settings) {
  return settings.threads != 0 ? settings.threads : std::max(1U, std::thread::hardware_concurrency());
}

// What models, caches and requests need beside indexes is left to them.
std::size_t memory_budget_of(const Settings& settings) {
  return settings.memory_budget_bytes != 0 ? settings.memory_budget_bytes : machine_memory_bytes() / 2;
}

Error damaged(std::string_view name, const Error& cause) {
  return {cause.code, fmt::format("Collection `{}` cannot be used, its data could not be read: {}. Restore it from a backup, or "
                                  "delete the collection",
                                  name, cause.message)};
}

}  // namespace

Status check_wanted(const RequestContext& context) {
  if (context.cancelled && context.cancelled->load(std::memory_order_relaxed)) {
    return fail(ErrorCode::kCancelled, "the client has left");
  }
  if (std::chrono::steady_clock::now() > context.deadline) {
    return fail(ErrorCode::kDeadlineExceeded, "the request's time was up before it was run");
  }
  return {};
}

// ---- Impl: opening and closing ----

Engine::Impl::Impl(const Settings& given, DataDirectory opened_directory, std::unique_ptr<Store> opened_store)
    : settings(given),
      directory(std::move(opened_directory)),
      store(std::move(opened_store)),
      encode_pool("encode", thread_count(settings), kQueuedRequests),
      bulk_encode_pool("bulk encode", thread_count(settings), kQueuedRequests, ThreadPriority::kLow),
      search_pool("search", thread_count(settings), kQueuedRequests),
      write_pool("write", kWriteThreads, kQueuedRequests),
      background_pool("background", kBackgroundThreads, kBackgroundJobs),
      request_pool("request", kRequestThreads, kQueuedRequests),
      catalog_pool("catalog", 1, kQueuedRequests),
      snapshot_pool("snapshot", kSnapshotThreads, kQueuedSnapshots),
      snapshots(settings.snapshots_dir.empty() ? directory.path() / "snapshots" : settings.snapshots_dir),
      memory_budget(memory_budget_of(settings)),
      syncer(*store),
      texts(encode_pool, bulk_encode_pool, settings.max_queued_texts_tokens, settings.query_cache_mb << 20),
      environment{.store = *store,
                  .syncer = syncer,
                  .write_pool = write_pool,
                  .search_pool = search_pool,
                  .background_pool = background_pool,
                  .index_path = directory.index_path(),
                  .stopping = stopping,
                  .sync_every_write = settings.sync_every_write,
                  .memory_budget = &memory_budget} {
  log_info(fmt::format("vector indexes may take {} MiB of memory together; codes beyond go to disk", memory_budget.limit() >> 20));
}

Engine::Impl::~Impl() {
  reembed_jobs.stop();
  {
    std::unique_lock lock(requests_mutex_);
    closed_ = true;
    // Encoding may be far behind: what it has not reached in this time is refused below.
    requests_done_.wait_for(lock, kDrainTime, [this] { return requests_ == 0; });
  }
  stopping = true;
  texts.stop();
  {
    std::unique_lock lock(requests_mutex_);
    requests_done_.wait(lock, [this] { return requests_ == 0; });
  }
  snapshot_pool.stop();  // waits for the catalog pool
  catalog_pool.stop();
  request_pool.stop();
  background_pool.stop();
  for (const auto& [name, entry] : collections_) {
    if (!entry.collection) continue;
    if (Status saved = entry.collection->save_snapshots(); !saved) {
      log_warning(fmt::format("collection {}: index snapshot not saved: {}", name, saved.error().message));
    }
  }
  write_pool.stop();
  search_pool.stop();
  collections_.clear();
}

void Engine::Impl::leave() {
  std::lock_guard lock(requests_mutex_);
  if (--requests_ == 0) requests_done_.notify_all();
}

Status Engine::Impl::load_models() {
  std::vector<std::string> models = settings.models;
  if (models.empty()) models.emplace_back(kDefaultModelName);
  if (models.size() == 1 && models.front() == kNoModel) models.clear();
  for (const std::string& model : models) {
    const ModelSource source = ORTHANT_TRY(resolve_model(model));
    EncoderOptions options;
    options.weights = ORTHANT_TRY(weights_of_model(settings, source.name));
    ORTHANT_TRY(texts.add(model, options));
  }
  return check_weights_names();
}

// A setting for a model that nobody loads is a slip of the pen that would go unnoticed.
Status Engine::Impl::check_weights_names() const {
  for (const std::string& row : settings.weights) {
    const std::size_t equals = row.rfind('=');
    if (equals == std::string::npos || texts.registry().find_model(row.substr(0, equals))) continue;
    return invalid_argument(fmt::format("--weights {}: {}", row, texts.not_loaded(row.substr(0, equals))));
  }
  return {};
}

Status Engine::Impl::open_collections() {
  const std::map<std::string, Result<CollectionRecord>> records = ORTHANT_TRY(read_catalog(*store));
  ORTHANT_TRY(drop_unowned_tables(records));
  aliases_ = ORTHANT_TRY(read_aliases(*store));
  std::erase_if(aliases_, [&](const auto& alias) { return !records.contains(alias.second); });
  std::vector<const std::pair<const std::string, Result<CollectionRecord>>*> todo;
  for (const auto& record : records) todo.push_back(&record);
  parallel_for(&search_pool, todo.size(), 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) open_collection(todo[i]->first, todo[i]->second);
  });
  return {};
}

void Engine::Impl::open_collection(const std::string& name, Result<CollectionRecord> record) {
  Entry entry;
  if (!record) {
    entry.fault = damaged(name, record.error());
  } else if (auto opened = Collection::open(environment, name, *record); opened) {
    entry.collection = std::move(*opened);
  } else {
    entry.fault = damaged(name, opened.error());
    entry.config = record->config;
  }
  if (entry.fault) log_error(entry.fault->message);
  if (entry.collection) reembed_jobs.resume(entry.collection);
  std::unique_lock lock(collections_mutex_);
  collections_.emplace(name, std::move(entry));
}

// Tables that no collection owns are left from a reclaim or a deletion that a crash cut short.
Status Engine::Impl::drop_unowned_tables(const std::map<std::string, Result<CollectionRecord>>& records) {
  std::set<TableNumber> owned;
  for (const auto& [name, record] : records) {
    if (!record) return {};  // it may own any of them
    owned.insert(record->table);
  }
  for (const TableNumber table : ORTHANT_TRY(list_tables(*store))) {
    if (owned.contains(table)) continue;
    if (Status dropped = drop_table(*store, table); !dropped) log_warning(dropped.error().message);
  }
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(directory.index_path(), error)) {
    const auto table = static_cast<TableNumber>(std::strtoul(file.path().filename().c_str(), nullptr, 10));
    if (!owned.contains(table)) std::filesystem::remove(file.path(), error);
  }
  return {};
}

// ---- Impl: collections ----

std::optional<Engine::Impl::Entry> Engine::Impl::find_entry(std::string_view name) const {
  std::shared_lock lock(collections_mutex_);
  auto found = collections_.find(name);
  if (found == collections_.end()) {
    const auto alias = aliases_.find(name);
    if (alias != aliases_.end()) found = collections_.find(alias->second);
  }
  if (found == collections_.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string> Engine::Impl::collection_names() const {
  std::shared_lock lock(collections_mutex_);
  std::vector<std::string> names;
  for (const auto& [name, entry] : collections_) names.push_back(name);
  return names;
}

Result<std::shared_ptr<Collection>> Engine::Impl::find(std::string_view name) const {
  const std::optional<Entry> entry = find_entry(name);
  if (!entry) return not_found(fmt::format("Collection `{}` doesn't exist!", name));
  if (entry->fault) return std::unexpected<Error>(*entry->fault);
  return entry->collection;
}

Status Engine::Impl::create(const std::string& name, CollectionConfig config) {
  ORTHANT_TRY(check_collection_name(name));
  ORTHANT_TRY(check_name_free_of_aliases(name));
  if (find_entry(name)) return fail(ErrorCode::kAlreadyExists, fmt::format("Collection `{}` already exists!", name));
  std::shared_ptr<Collection> created = ORTHANT_TRY(Collection::create(environment, name, std::move(config)));
  std::unique_lock lock(collections_mutex_);
  collections_.emplace(name, Entry{.collection = std::move(created), .fault = {}, .config = {}});
  return {};
}

Status Engine::Impl::check_name_free_of_aliases(std::string_view name) const {
  std::shared_lock lock(collections_mutex_);
  if (!aliases_.contains(name)) return {};
  return invalid_argument(fmt::format("Can't create collection with name {}. Alias with the same name already exists", name));
}

// An alias is no name to delete by.
Result<bool> Engine::Impl::remove(const std::string& name) {
  const std::optional<Entry> entry = find_entry(name);
  if (!entry || resolve(name) != name) return false;
  const std::vector<std::string> aliases = aliases_of(name);
  if (entry->collection) {
    std::promise<Status> dropped;
    ORTHANT_TRY(entry->collection->drop(aliases, [&dropped](Status status) { dropped.set_value(std::move(status)); }));
    ORTHANT_TRY(dropped.get_future().get());
  } else {
    // A damaged one: its table is dropped at the next start, when nobody owns it.
    StoreBatch batch(*store);
    remove_collection(batch, name);
    for (const std::string& alias : aliases) remove_alias(batch, alias);
    ORTHANT_TRY(store->write(batch));
    ORTHANT_TRY(store->sync());
  }
  std::unique_lock lock(collections_mutex_);
  collections_.erase(name);
  for (const std::string& alias : aliases) aliases_.erase(alias);
  return true;
}

// ---- the door ----

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;

void Engine::begin_stop() {
  impl_->stopping = true;
}

Result<std::unique_ptr<Engine>> Engine::open(const Settings& settings) {
  DataDirectory directory = ORTHANT_TRY(DataDirectory::open(settings.data_dir));
  std::unique_ptr<Store> store =
      ORTHANT_TRY(Store::open({.path = directory.store_path(), .block_cache_bytes = settings.block_cache_bytes}));
  auto impl = std::make_unique<Impl>(settings, std::move(directory), std::move(store));
  ORTHANT_TRY(impl->snapshots.prepare());
  ORTHANT_TRY(impl->load_models());
  ORTHANT_TRY(impl->open_collections());
  return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

void Engine::create_collection(std::string name, CollectionConfig config, Done<void> done) {
  auto admitted = impl_->admit(std::move(done));
  if (!admitted) return;
  run_on<void>(impl_->catalog_pool, std::move(*admitted), [this, name = std::move(name), config = std::move(config)]() mutable {
    return impl_->create(name, std::move(config));
  });
}

void Engine::update_collection(std::string name, std::move_only_function<Status(CollectionConfig&)> change, Done<void> done,
                               bool wait_for_fields) {
  auto admitted = impl_->admit(std::move(done));
  if (!admitted) return;
  auto collection = impl_->find(name);
  if (!collection) return (*admitted)(std::unexpected<Error>(collection.error()));
  auto shared = std::make_shared<Done<void>>(std::move(*admitted));
  const auto answer = [shared](Status status) { (*shared)(std::move(status)); };
  Status queued = (*collection)->update_config(std::move(change), answer, wait_for_fields);
  if (!queued) (*shared)(std::move(queued));
}

void Engine::delete_collection(std::string name, Done<bool> done) {
  auto admitted = impl_->admit(std::move(done));
  if (!admitted) return;
  run_on<bool>(impl_->catalog_pool, std::move(*admitted), [this, name = std::move(name)] { return impl_->remove(name); });
}

std::vector<std::string> Engine::collection_names() const {
  return impl_->collection_names();
}

bool Engine::has_collection(std::string_view name) const {
  return impl_->find_entry(name).has_value();
}

Result<CollectionInfo> Engine::collection_info(std::string_view name) const {
  const auto entry = impl_->find_entry(name);
  if (!entry) return not_found(fmt::format("Collection `{}` doesn't exist!", name));
  CollectionInfo info;
  info.fault = entry->fault;
  info.config = entry->collection ? entry->collection->config() : entry->config;
  if (!entry->collection) return info;
  CollectionStatistics statistics = entry->collection->statistics();
  info.points_count = statistics.points;
  info.indexed_vectors_count = statistics.indexed_vectors;
  info.queued_writes = statistics.queued_writes;
  info.vector_bytes = statistics.vector_bytes;
  info.payload_bytes = statistics.payload_bytes;
  info.indexes = std::move(statistics.indexes);
  info.field_indexes = std::move(statistics.field_indexes);
  info.reembeddings = impl_->reembed_jobs.progress_of(*entry->collection);
  return info;
}

std::vector<const Encoder*> Engine::models() const {
  return impl_->texts.registry().all();
}

const Encoder* Engine::find_model(std::string_view name) const {
  if (!name.empty()) return impl_->texts.registry().find(name);
  const auto all = models();
  return all.empty() ? nullptr : all.front();
}

void Engine::encode(std::string_view model, std::vector<std::string> texts, EncodeOptions options, RequestContext context,
                    Done<EncodeResult> done) {
  auto admitted = impl_->admit(std::move(done));
  if (!admitted) return;
  const Encoder* encoder = find_model(model);
  if (encoder == nullptr) return (*admitted)(not_found(impl_->texts.not_loaded(model)));
  const auto batcher = impl_->texts.batcher(*encoder);
  if (!batcher) return (*admitted)(fail(ErrorCode::kUnavailable, "shutting down"));
  batcher->submit(
      {.texts = std::move(texts), .options = options, .bulk = false, .deadline = context.deadline, .cancelled = context.cancelled},
      std::move(*admitted));
}

std::vector<LoadedModel> Engine::all_models() const {
  return impl_->texts.registry().models();
}

Result<const Reranker*> Engine::find_reranker(std::string_view model) const {
  return impl_->texts.find_reranker(model);
}

Result<const SparseEncoder*> Engine::find_sparse_encoder(std::string_view model) const {
  return impl_->texts.find_sparse_encoder(model);
}

void Engine::rerank(const Reranker& reranker, RerankRequest request, RequestContext context, Done<RerankResult> done) {
  auto admitted = impl_->admit(std::move(done));
  if (!admitted) return;
  request.deadline = context.deadline;
  request.cancelled = context.cancelled;
  impl_->texts.rerank(reranker, std::move(request), std::move(*admitted));
}

void Engine::sparse_encode(const SparseEncoder& encoder, SparseEncodeRequest request, RequestContext context,
                           Done<SparseEncodeResult> done) {
  auto admitted = impl_->admit(std::move(done));
  if (!admitted) return;
  request.deadline = context.deadline;
  request.cancelled = context.cancelled;
  impl_->texts.sparse_encode(encoder, std::move(request), std::move(*admitted));
}

const Settings& Engine::settings() const {
  return impl_->settings;
}

ThreadPool& Engine::request_pool() {
  return impl_->request_pool;
}

}  // namespace orthant
