// Aliases and snapshots. Taking a snapshot reads one moment of the store beside everything else. Restoring fills a new table that
// nobody owns, brings it up, and switches to it at once: a crash, a full disk or a damaged file on the way leave what was.

#include <algorithm>
#include <future>

#include <fmt/format.h>

#include "base/ascii_case.h"
#include "base/log.h"
#include "engine/collection/snapshot_file.h"
#include "engine/engine_impl.h"

namespace orthant {
namespace {

// Times that a moment is looked for at which all tables are those that are held: each is lost to a reclaim that has just ended.
constexpr int kMomentAttempts = 50;

std::unexpected<Error> no_collection(std::string_view name) {
  return not_found(fmt::format("Collection `{}` doesn't exist!", name));
}

Status check_digest(const RestoreRequest& request) {
  if (!request.sha256) return {};
  const std::string found = ORTHANT_TRY(sha256_hex_of_file(request.file));
  if (equal_ignoring_case(found, *request.sha256)) return {};
  return invalid_argument(fmt::format("Snapshot checksum mismatch: expected {}, found {}", *request.sha256, found));
}

// Removes a file when it goes.
class FileRemover {
 public:
  explicit FileRemover(std::filesystem::path file) : file_(std::move(file)) {}
  ~FileRemover() {
    std::error_code ignored;
    if (!file_.empty()) std::filesystem::remove(file_, ignored);
  }
  FileRemover(const FileRemover&) = delete;
  FileRemover& operator=(const FileRemover&) = delete;

 private:
  const std::filesystem::path file_;
};

// The collections of a snapshot as they stood at one moment, and what keeps their tables.
struct Moment {
  std::shared_ptr<const StoreSnapshot> store;
  std::vector<std::pair<std::string, CollectionRecord>> records;
  std::vector<std::shared_ptr<const TableView>> held;
  Aliases aliases;
};

Result<std::optional<Moment>> try_moment(Engine::Impl& engine, const std::vector<std::string>& names) {
  Moment moment;
  for (const std::string& name : names) {
    moment.held.push_back(ORTHANT_TRY(ORTHANT_TRY(engine.find(name))->hold_table()));
  }
  moment.store = engine.store->snapshot();
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto record = ORTHANT_TRY(read_collection(*engine.store, names[i], moment.store.get()));
    if (!record || record->table != moment.held[i]->table().number()) return std::optional<Moment>();
    moment.records.emplace_back(names[i], std::move(*record));
  }
  moment.aliases = ORTHANT_TRY(read_aliases(*engine.store, moment.store.get()));
  return std::optional<Moment>(std::move(moment));
}

Result<Moment> take_moment(Engine::Impl& engine, const SnapshotScope& scope) {
  for (int attempt = 0; attempt < kMomentAttempts; ++attempt) {
    const auto names = scope.collection.empty() ? engine.collection_names() : std::vector<std::string>{scope.collection};
    auto moment = try_moment(engine, names);
    // A collection of the daemon that was deleted meanwhile is left out of the next attempt.
    const bool gone = !moment && moment.error().code == ErrorCode::kNotFound && scope.collection.empty();
    if (!moment && !gone) return std::unexpected<Error>(moment.error());
    if (moment && *moment) return std::move(**moment);
  }
  return fail(ErrorCode::kUnavailable, "snapshot: the collections change too fast, ask again");
}

Result<std::string> write_snapshot(Engine::Impl& engine, const SnapshotScope& scope, const std::filesystem::path& file) {
  const Moment moment = ORTHANT_TRY(take_moment(engine, scope));
  SnapshotFileWriter writer = ORTHANT_TRY(SnapshotFileWriter::create(file));
  for (const auto& [name, record] : moment.records) {
    ORTHANT_TRY(writer.add_collection(name, record, {*engine.store, record.table, moment.store}, engine.stopping));
  }
  if (scope.collection.empty()) ORTHANT_TRY(writer.add_aliases(moment.aliases));
  return writer.finish();
}

}  // namespace

// ---- aliases ----

std::optional<std::string> Engine::Impl::resolve(std::string_view name) const {
  std::shared_lock lock(collections_mutex_);
  if (collections_.contains(name)) return std::string(name);
  const auto alias = aliases_.find(name);
  return alias == aliases_.end() ? std::nullopt : std::optional(alias->second);
}

Aliases Engine::Impl::aliases() const {
  std::shared_lock lock(collections_mutex_);
  return aliases_;
}

std::vector<std::string> Engine::Impl::aliases_of(std::string_view collection) const {
  std::vector<std::string> names;
  for (const auto& [alias, target] : aliases()) {
    if (target == collection) names.push_back(alias);
  }
  return names;
}

Status Engine::Impl::apply(const AliasAction& action, Aliases& aliases) const {
  const bool sets_name = !action.alias.empty();
  if (sets_name) {
    ORTHANT_TRY(check_collection_name(action.alias));
    std::shared_lock lock(collections_mutex_);
    if (collections_.contains(action.alias)) {
      return fail(ErrorCode::kAlreadyExists, fmt::format("Collection `{}` already exists!", action.alias));
    }
    if (action.old_alias.empty() && !collections_.contains(action.collection)) return no_collection(action.collection);
  }
  std::string collection = action.collection;
  if (!action.old_alias.empty()) {
    const auto found = aliases.find(action.old_alias);
    if (found == aliases.end() && sets_name) return not_found(fmt::format("Alias {} does not exists!", action.old_alias));
    if (found != aliases.end()) {
      collection = found->second;
      aliases.erase(found);
    }
  }
  if (sets_name) aliases.insert_or_assign(action.alias, collection);
  return {};
}

Status Engine::Impl::change_aliases(const std::vector<AliasAction>& actions) {
  const Aliases before = aliases();
  Aliases after = before;
  for (const AliasAction& action : actions) ORTHANT_TRY(apply(action, after));
  if (after == before) return {};
  StoreBatch batch(*store);
  for (const auto& [alias, collection] : before) {
    if (!after.contains(alias)) remove_alias(batch, alias);
  }
  for (const auto& [alias, collection] : after) put_alias(batch, alias, collection);
  ORTHANT_TRY(store->write(batch));
  ORTHANT_TRY(store->sync());
  std::unique_lock lock(collections_mutex_);
  aliases_ = std::move(after);
  return {};
}

void Engine::update_aliases(std::vector<AliasAction> actions, Done<void> done) {
  auto admitted = impl_->admit(std::move(done));
  if (!admitted) return;
  run_on<void>(impl_->catalog_pool, std::move(*admitted),
               [this, actions = std::move(actions)] { return impl_->change_aliases(actions); });
}

std::vector<std::pair<std::string, std::string>> Engine::aliases() const {
  const Aliases all = impl_->aliases();
  return {all.begin(), all.end()};
}

std::optional<std::string> Engine::resolve_name(std::string_view name) const {
  return impl_->resolve(name);
}

// ---- restoring ----

// On the catalog pool: nobody makes or deletes collections meanwhile.
Status Engine::Impl::install(const std::string& name, std::shared_ptr<Collection> collection, const CollectionRecord& record) {
  ORTHANT_TRY(check_name_free_of_aliases(name));
  std::shared_ptr<Collection> before;
  {
    std::shared_lock lock(collections_mutex_);
    if (const auto found = collections_.find(name); found != collections_.end()) before = found->second.collection;
  }
  if (before) {
    std::promise<Status> yielded;
    ORTHANT_TRY(before->yield_to(record, [&yielded](Status status) { yielded.set_value(std::move(status)); }));
    ORTHANT_TRY(yielded.get_future().get());
  } else {
    ORTHANT_TRY(Collection::record(environment, name, record));
  }
  reembed_jobs.resume(collection);
  std::unique_lock lock(collections_mutex_);
  collections_.insert_or_assign(name, Entry{.collection = std::move(collection), .fault = {}, .config = {}});
  return {};
}

Status Engine::Impl::restore_collection(SnapshotFileReader& reader, SnapshotFileReader::CollectionHead head,
                                        const std::string& name) {
  ORTHANT_TRY(check_collection_name(name));
  std::unique_ptr<TableImport> table = ORTHANT_TRY(reader.read_table(*store, head, stopping));
  head.record.table = table->table();
  auto opened = Collection::open(environment, name, head.record);
  if (!opened) return invalid_argument(fmt::format("snapshot cannot be used: {}", opened.error().message));
  table->keep();
  const std::shared_ptr<Collection> collection = std::move(*opened);
  std::promise<Status> installed;
  Status submitted = catalog_pool.submit([&] { installed.set_value(install(name, collection, head.record)); });
  if (submitted) submitted = installed.get_future().get();
  if (!submitted) collection->abandon();
  return submitted;
}

// A file of several collections gives the one of this name; a file of one gives it under any name.
Status Engine::Impl::restore_one(const RestoreRequest& request) {
  const std::string& name = request.scope.collection;
  std::size_t others = 0;
  for (const bool any_name : {false, true}) {
    SnapshotFileReader reader = ORTHANT_TRY(SnapshotFileReader::open(request.file));
    while (auto head = ORTHANT_TRY(reader.next_collection())) {
      if (any_name || head->name == name) return restore_collection(reader, std::move(*head), name);
      ++others;
    }
    if (others != 1) break;
  }
  return invalid_argument(fmt::format("the snapshot holds {} collections, and none is named `{}`", others, name));
}

Status Engine::Impl::restore_all(const RestoreRequest& request) {
  SnapshotFileReader reader = ORTHANT_TRY(SnapshotFileReader::open(request.file));
  while (auto head = ORTHANT_TRY(reader.next_collection())) {
    const std::string name = head->name;
    if (Status restored = restore_collection(reader, std::move(*head), name); !restored) {
      return with_context(fmt::format("collection `{}`", name), std::move(restored).error());
    }
  }
  std::vector<AliasAction> actions;
  for (const auto& [alias, collection] : reader.aliases()) actions.push_back({.alias = alias, .collection = collection});
  std::promise<Status> changed;
  ORTHANT_TRY(catalog_pool.submit([&] { changed.set_value(change_aliases(actions)); }));
  return changed.get_future().get();
}

Status Engine::Impl::restore(const RestoreRequest& request) {
  const FileRemover remover(request.remove_file ? request.file : std::filesystem::path());
  ORTHANT_TRY(check_digest(request));
  // All of it is read once before anything happens: a file cut short in its last collection changes nothing.
  SnapshotFileReader reader = ORTHANT_TRY(SnapshotFileReader::open(request.file));
  while (ORTHANT_TRY(reader.next_collection())) {
    if (stopping.load(std::memory_order_relaxed)) return fail(ErrorCode::kCancelled, "restoring: the process is stopping");
  }
  return request.scope.collection.empty() ? restore_all(request) : restore_one(request);
}

// ---- the door ----

void Engine::create_snapshot(SnapshotScope scope, Done<SnapshotInfo> done) {
  auto admitted = impl_->admit(std::move(done));
  if (!admitted) return;
  if (!scope.collection.empty()) {
    const auto name = impl_->resolve(scope.collection);
    if (!name) return (*admitted)(no_collection(scope.collection));
    scope.collection = *name;
  }
  run_on<SnapshotInfo>(impl_->snapshot_pool, std::move(*admitted), [this, scope = std::move(scope)]() -> Result<SnapshotInfo> {
    const std::filesystem::path file = impl_->snapshots.temporary();
    const FileRemover remover(file);
    const std::string sha256 = ORTHANT_TRY(write_snapshot(*impl_, scope, file));
    return impl_->snapshots.publish(scope, file, sha256);
  });
}

void Engine::delete_snapshot(SnapshotScope scope, std::string name, Done<void> done) {
  auto admitted = impl_->admit(std::move(done));
  if (!admitted) return;
  run_on<void>(impl_->snapshot_pool, std::move(*admitted),
               [this, scope = std::move(scope), name = std::move(name)] { return impl_->snapshots.remove(scope, name); });
}

void Engine::restore_snapshot(RestoreRequest request, Done<void> done) {
  auto admitted = impl_->admit(std::move(done));
  if (!admitted) return;
  if (const auto name = impl_->resolve(request.scope.collection)) request.scope.collection = *name;
  run_on<void>(impl_->snapshot_pool, std::move(*admitted), [this, request = std::move(request)] {
    Status restored = impl_->restore(request);
    const std::string what = request.scope.collection.empty() ? "all collections" : "collection " + request.scope.collection;
    if (restored) log_info(fmt::format("{}: restored from a snapshot", what));
    if (!restored) log_warning(fmt::format("{}: not restored: {}", what, restored.error().message));
    return restored;
  });
}

const SnapshotFolder& Engine::snapshots() const {
  return impl_->snapshots;
}

ThreadPool& Engine::snapshot_pool() {
  return impl_->snapshot_pool;
}

}  // namespace orthant
