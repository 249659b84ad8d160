#pragma once
// A collection with its store and pools in a directory, and calls that wait for their answers. For tests that need no models.

#include <atomic>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/collection/catalog.h"
#include "engine/collection/collection.h"
#include "engine/storage/data_directory.h"

namespace orthant::test {

// What a daemon holds; opening another one on the same directory after this is destroyed is a restart.
class Host {
 public:
  explicit Host(const std::filesystem::path& path, UpkeepLimits limits = {}, MemoryBudget* budget = nullptr,
                std::uint64_t keep_free_bytes = StoreOptions{}.keep_free_bytes)
      : directory_(DataDirectory::open(path).value()),
        store_(Store::open(
                   {.path = directory_.store_path(), .block_cache_bytes = std::size_t{8} << 20, .keep_free_bytes = keep_free_bytes})
                   .value()),
        environment_{.store = *store_,
                     .syncer = syncer_,
                     .write_pool = write_pool_,
                     .search_pool = search_pool_,
                     .background_pool = background_pool_,
                     .index_path = directory_.index_path(),
                     .stopping = stopping_,
                     .sync_every_write = false,
                     .limits = limits,
                     .memory_budget = budget} {}
  ~Host() {
    stopping_ = true;
    background_pool_.stop();
    write_pool_.stop();
    search_pool_.stop();
  }

  Store& store() { return *store_; }
  const DataDirectory& directory() const { return directory_; }
  const CollectionEnvironment& environment() const { return environment_; }
  ThreadPool& search_pool() { return search_pool_; }

  std::unique_ptr<Collection> create(const std::string& name, CollectionConfig config) {
    return Collection::create(environment_, name, std::move(config)).value();
  }
  // One that is in the catalog.
  Result<std::unique_ptr<Collection>> open(const std::string& name) {
    auto records = read_catalog(*store_).value();
    return Collection::open(environment_, name, records.at(name).value());
  }

 private:
  DataDirectory directory_;
  std::unique_ptr<Store> store_;
  std::atomic<bool> stopping_{false};
  ThreadPool search_pool_{"search", 2, 1000};
  ThreadPool write_pool_{"write", 2, 1000};
  ThreadPool background_pool_{"background", 2, 1000};
  LogSyncer syncer_{*store_};
  const CollectionEnvironment environment_;
};

inline Result<std::vector<std::uint64_t>> write(Collection& collection, std::vector<WriteOp> ops, bool wait = true) {
  std::promise<Result<std::vector<std::uint64_t>>> promise;
  Status queued = collection.write({.ops = std::move(ops), .wait_for_sync = wait, .admit = {}},
                                   [&promise](Result<std::vector<std::uint64_t>> ids) { promise.set_value(std::move(ids)); });
  if (!queued) return std::unexpected<Error>(queued.error());
  return promise.get_future().get();
}

inline Result<std::vector<std::uint64_t>> write(Collection& collection, WriteOp op, bool wait = true) {
  std::vector<WriteOp> ops;
  ops.push_back(std::move(op));
  return write(collection, std::move(ops), wait);
}

// Waits for one that runs already, then runs another.
inline Status reclaim(Collection& collection) {
  for (;;) {
    std::promise<Status> promise;
    collection.reclaim([&promise](Status status) { promise.set_value(std::move(status)); });
    Status reclaimed = promise.get_future().get();
    if (reclaimed || reclaimed.error().code != ErrorCode::kUnavailable) return reclaimed;
    std::this_thread::yield();
  }
}

inline CollectionConfig one_vector(std::size_t dim, Metric metric = Metric::kDot) {
  CollectionConfig config;
  config.vectors[""].index.dim = dim;
  config.vectors[""].index.metric = metric;
  return config;
}

}  // namespace orthant::test
