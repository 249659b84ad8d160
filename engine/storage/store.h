#pragma once
// Store: the truth on disk, one RocksDB for the daemon. Owns the database and its caches; knows families, keys and values as
// bytes, not what they mean (stored_table.h does). Every method may be called from any thread.
//
// Guarantees. A batch is applied whole or not at all. When write() returns, the batch is in the write-ahead log and survives
// kill -9; when a later sync() returns, it survives a power cut. Checksums are verified on every read from disk. After a failed
// write (I/O error), and while the disk is nearly full, the store refuses writes with `unavailable` or `io_error` and goes on
// reading; it takes writes again by itself once the disk does. Removals of ranges may use the last megabytes: they give room back.

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/storage/keys.h"

namespace orthant {

struct StoreOptions {
  std::filesystem::path path;
  std::size_t block_cache_bytes = std::size_t{256} << 20;
  // Writes are refused when the disk has less room than this beside what is in memory and not in tables yet; 0: only when the disk
  // itself refuses.
  std::uint64_t keep_free_bytes = std::uint64_t{8} << 20;
};

class Store;

// Changes that become visible together, applied in the order in which they were recorded. Not thread-safe; must not outlive its
// store.
class StoreBatch {
 public:
  explicit StoreBatch(const Store& store);
  ~StoreBatch();
  StoreBatch(StoreBatch&&) noexcept;
  StoreBatch& operator=(StoreBatch&&) noexcept;

  void put(Family family, std::string_view key, std::string_view value);
  void remove(Family family, std::string_view key);
  // All keys of the range, whatever their number, for the price of one record.
  void remove_range(Family family, const KeyRange& range);
  std::size_t bytes() const;
  void clear();

 private:
  friend class Store;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A moment of the store. Readers given it see that moment. Holds back the clean-up of what was replaced since, so keep it briefly.
// Must not outlive its store.
class StoreSnapshot {
 public:
  ~StoreSnapshot();
  StoreSnapshot(const StoreSnapshot&) = delete;
  StoreSnapshot& operator=(const StoreSnapshot&) = delete;

 private:
  friend class Store;
  struct Impl;
  explicit StoreSnapshot(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class Store {
 public:
  // data_corruption when RocksDB finds its files damaged.
  static Result<std::unique_ptr<Store>> open(const StoreOptions& options);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  Status write(StoreBatch& batch);
  // Everything that write() took before this call is on disk when it returns. One call serves all writers.
  Status sync();

  // `snapshot` may be null: the present moment.
  Result<std::optional<std::string>> get(Family family, std::string_view key, const StoreSnapshot* snapshot = nullptr) const;

  // Calls visit(i, value) once for each of `keys` that exists, in any order; `value` is valid during the call. One batched read.
  Status get_many(Family family, std::span<const std::string> keys, const StoreSnapshot* snapshot,
                  const std::function<Status(std::size_t i, std::string_view value)>& visit) const;

  // Visits the range in key order; key and value are valid during the call. A false from visit ends the scan.
  using Visit = std::function<bool(std::string_view key, std::string_view value)>;
  Status scan(Family family, const KeyRange& range, const StoreSnapshot* snapshot, const Visit& visit) const;
  // The greatest key of the range.
  Result<std::optional<std::string>> last_key(Family family, const KeyRange& range) const;

  std::shared_ptr<const StoreSnapshot> snapshot() const;

  // Gives the disk space of a removed range back soon instead of by and by. A hint: failures are logged.
  void reclaim_space(Family family, const KeyRange& range);

  // What the keys and values of the range take, in memory and on disk: an estimate.
  std::uint64_t approximate_bytes(Family family, const KeyRange& range) const;

  // Held while a table number is read and raised (stored_table.h).
  std::mutex& table_numbers_mutex();

  // RocksDB's own figures, summed over the families; the names are those of /metrics.
  std::map<std::string, std::uint64_t> figures() const;

  // Set while writes are refused after a failure.
  std::optional<Error> write_fault() const;

 private:
  friend class StoreBatch;
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace orthant
