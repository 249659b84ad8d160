#pragma once
// Engine::Impl: what the process has once: store, models, pools, collections. Private to engine.
//
// Members are declared in the order in which they are needed: what comes later uses what comes earlier, and goes first.

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>

#include "engine/collection/collection.h"
#include "engine/collection/snapshot_file.h"
#include "engine/delayed_tasks.h"
#include "engine/engine.h"
#include "engine/reembed_jobs.h"
#include "engine/storage/data_directory.h"
#include "engine/text_encoding.h"
#include "engine/waiting_searches.h"

namespace orthant {

class Engine::Impl {
 public:
  Impl(const Settings& given, DataDirectory directory, std::unique_ptr<Store> opened_store);
  ~Impl();

  Status load_models();
  Status check_weights_names() const;
  Status open_collections();

  // A collection that is there, or there but damaged.
  struct Entry {
    std::shared_ptr<Collection> collection;  // null when damaged
    std::optional<Error> fault;
    CollectionConfig config;  // of a damaged one, as far as it could be read
  };
  // not_found; the fault of a damaged collection.
  Result<std::shared_ptr<Collection>> find(std::string_view name) const;
  std::optional<Entry> find_entry(std::string_view name) const;
  std::vector<std::string> collection_names() const;
  Status create(const std::string& name, CollectionConfig config);
  Result<bool> remove(const std::string& name);

  // ---- engine_snapshots.cpp ----
  std::optional<std::string> resolve(std::string_view name) const;
  Aliases aliases() const;
  std::vector<std::string> aliases_of(std::string_view collection) const;
  // On the catalog pool.
  Status change_aliases(const std::vector<AliasAction>& actions);
  Status restore(const RestoreRequest& request);

  // Counts a request in until its `done` was called, so that shutting down can wait for it. Calls `done` at once, and returns
  // nothing, when shutting down has begun.
  template <typename T>
  std::optional<Done<T>> admit(Done<T> done);
  // Gives `done` what `work` reads of the collection, on the search pool, unless nobody waits for it any more.
  template <typename T>
  void read(std::string collection, RequestContext context, Done<T> done,
            std::move_only_function<Result<T>(const Collection&, const RequestContext&)> work);

  const Settings settings;
  DataDirectory directory;
  std::unique_ptr<Store> store;
  std::atomic<bool> stopping{false};
  ThreadPool encode_pool;
  ThreadPool bulk_encode_pool;
  WaitingSearches waiting_searches;
  ThreadPool search_pool;
  ThreadPool write_pool;
  ThreadPool background_pool;
  ThreadPool request_pool;
  // One thread: collections are created and removed one after another, by tasks that wait for writers.
  ThreadPool catalog_pool;
  // Work on whole collections, bound by the disk.
  ThreadPool snapshot_pool;
  const SnapshotFolder snapshots;
  MemoryBudget memory_budget;
  LogSyncer syncer;
  DelayedTasks delayed;
  TextEncoding texts;
  const CollectionEnvironment environment;
  ReembedJobs reembed_jobs{*this};

 private:
  void open_collection(const std::string& name, Result<CollectionRecord> record);
  Status drop_unowned_tables(const std::map<std::string, Result<CollectionRecord>>& records);
  void leave();
  Status check_name_free_of_aliases(std::string_view name) const;
  Status apply(const AliasAction& action, Aliases& aliases) const;
  Status restore_one(const RestoreRequest& request);
  Status restore_all(const RestoreRequest& request);
  Status restore_collection(SnapshotFileReader& reader, SnapshotFileReader::CollectionHead head, const std::string& name);
  Status install(const std::string& name, std::shared_ptr<Collection> collection, const CollectionRecord& record);

  mutable std::shared_mutex collections_mutex_;
  std::map<std::string, Entry, std::less<>> collections_;  // guarded by collections_mutex_
  Aliases aliases_;                                        // guarded by collections_mutex_; written by the catalog pool

  std::mutex requests_mutex_;
  std::condition_variable requests_done_;
  std::size_t requests_ = 0;  // guarded by requests_mutex_
  bool closed_ = false;       // guarded by requests_mutex_
};

template <typename T>
std::optional<Done<T>> Engine::Impl::admit(Done<T> done) {
  {
    std::lock_guard lock(requests_mutex_);
    if (!closed_) {
      ++requests_;
      return Done<T>([this, done = std::move(done)](Result<T> result) mutable {
        done(std::move(result));
        done = nullptr;
        leave();
      });
    }
  }
  done(fail(ErrorCode::kUnavailable, "shutting down"));
  return std::nullopt;
}

inline const Filter* pointer_to(const std::optional<Filter>& filter) {
  return filter ? &*filter : nullptr;
}

// deadline_exceeded or cancelled when nobody waits for the answer any more.
Status check_wanted(const RequestContext& context);

// Runs `work` on `pool` and gives `done` its result, or the pool's refusal.
template <typename T>
void run_on(ThreadPool& pool, Done<T> done, std::move_only_function<Result<T>()> work) {
  auto shared = std::make_shared<Done<T>>(std::move(done));
  Status submitted = pool.submit([shared, work = std::move(work)]() mutable { (*shared)(work()); });
  if (!submitted) (*shared)(std::unexpected<Error>(std::move(submitted).error()));
}

template <typename T>
void Engine::Impl::read(std::string collection, RequestContext context, Done<T> done,
                        std::move_only_function<Result<T>(const Collection&, const RequestContext&)> work) {
  auto admitted = admit(std::move(done));
  if (!admitted) return;
  run_on<T>(
      search_pool, std::move(*admitted),
      [this, collection = std::move(collection), context = std::move(context), work = std::move(work)]() mutable -> Result<T> {
        ORTHANT_TRY(check_wanted(context));
        return work(*ORTHANT_TRY(find(collection)), context);
      });
}

}  // namespace orthant
