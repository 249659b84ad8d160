#include "engine/storage/store.h"

#include <algorithm>
#include <mutex>

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include "base/log.h"
#include "engine/storage/disk_guard.h"
#include "engine/storage/rocksdb_options.h"
#include "engine/storage/rocksdb_status.h"

namespace orthant {
namespace {

// Keys read at once: bounds the blocks that one read pins.
constexpr std::size_t kReadChunk = 512;

rocksdb::Slice slice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}
std::string_view view(const rocksdb::Slice& bytes) {
  return {bytes.data(), bytes.size()};
}

}  // namespace

struct StoreBatch::Impl {
  rocksdb::WriteBatch batch;
  const std::vector<rocksdb::ColumnFamilyHandle*>* handles = nullptr;

  rocksdb::ColumnFamilyHandle* handle(Family family) const { return (*handles)[static_cast<std::size_t>(family)]; }
};

struct StoreSnapshot::Impl {
  rocksdb::DB* db = nullptr;
  const rocksdb::Snapshot* snapshot = nullptr;

  static rocksdb::ReadOptions read_options(const StoreSnapshot* of) {
    rocksdb::ReadOptions options;
    options.verify_checksums = true;
    if (of != nullptr) options.snapshot = of->impl_->snapshot;
    return options;
  }
};

struct Store::Impl {
  const std::shared_ptr<std::atomic<bool>> failed = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<rocksdb::Cache> cache;
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;

  std::mutex table_numbers_mutex;
  mutable std::mutex fault_mutex;
  std::optional<Error> fault;         // guarded by fault_mutex
  std::atomic<bool> refusing{false};  // whether there is a fault; written under fault_mutex
  std::mutex resume_mutex;            // one thread resumes
  std::optional<DiskGuard> guard;

  ~Impl();
  rocksdb::ColumnFamilyHandle* handle(Family family) const { return handles[static_cast<std::size_t>(family)]; }
  rocksdb::Status write(rocksdb::WriteBatch& changes);
  std::unique_ptr<rocksdb::Iterator> iterate(Family family, const StoreSnapshot* snapshot, const rocksdb::Slice& end) const;
};

Store::Impl::~Impl() {
  if (!db) return;
  // Tables open faster than a log is replayed. Not after a failure: what is in the log is safe there.
  if (!failed->load()) {
    if (rocksdb::Status flushed = db->Flush(rocksdb::FlushOptions(), handles); !flushed.ok()) {
      log_warning(to_error("flush at close", flushed).message);
    }
  }
  rocksdb::CancelAllBackgroundWork(db.get(), true);
  guard.reset();
  for (rocksdb::ColumnFamilyHandle* handle : handles) db->DestroyColumnFamilyHandle(handle);
  if (rocksdb::Status closed = db->Close(); !closed.ok()) log_error(to_error("close", closed).message);
}

// After a failed write RocksDB is read-only until resumed; after a failed compaction it writes on, for a while. Applying the batch
// again is safe: it holds whole values only.
rocksdb::Status Store::Impl::write(rocksdb::WriteBatch& changes) {
  rocksdb::Status written = guard->check_room(changes.GetDataSize(), changes.HasDeleteRange());
  if (!written.ok()) return written;
  written = db->Write(rocksdb::WriteOptions(), &changes);
  if (written.ok() && !failed->load(std::memory_order_relaxed)) return written;
  std::lock_guard lock(resume_mutex);
  if (guard->resume() && !written.ok()) written = db->Write(rocksdb::WriteOptions(), &changes);
  return written;
}

std::unique_ptr<rocksdb::Iterator> Store::Impl::iterate(Family family, const StoreSnapshot* snapshot,
                                                        const rocksdb::Slice& end) const {
  rocksdb::ReadOptions options = StoreSnapshot::Impl::read_options(snapshot);
  options.iterate_upper_bound = &end;
  // Long scans of rows and floats would wash the cache out.
  options.fill_cache = family == Family::kCatalog || family == Family::kIds;
  return std::unique_ptr<rocksdb::Iterator>(db->NewIterator(options, handle(family)));
}

// ---- StoreBatch ----

StoreBatch::StoreBatch(const Store& store) : impl_(std::make_unique<Impl>()) {
  impl_->handles = &store.impl_->handles;
}
StoreBatch::~StoreBatch() = default;
StoreBatch::StoreBatch(StoreBatch&&) noexcept = default;
StoreBatch& StoreBatch::operator=(StoreBatch&&) noexcept = default;

// WriteBatch fails only when a limit of bytes was set for it, which we do not.
void StoreBatch::put(Family family, std::string_view key, std::string_view value) {
  impl_->batch.Put(impl_->handle(family), slice(key), slice(value)).PermitUncheckedError();
}
void StoreBatch::remove(Family family, std::string_view key) {
  impl_->batch.Delete(impl_->handle(family), slice(key)).PermitUncheckedError();
}
void StoreBatch::remove_range(Family family, const KeyRange& range) {
  impl_->batch.DeleteRange(impl_->handle(family), slice(range.begin), slice(range.end)).PermitUncheckedError();
}
std::size_t StoreBatch::bytes() const {
  return impl_->batch.GetDataSize();
}
void StoreBatch::clear() {
  impl_->batch.Clear();
}

// ---- StoreSnapshot ----

StoreSnapshot::StoreSnapshot(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StoreSnapshot::~StoreSnapshot() {
  impl_->db->ReleaseSnapshot(impl_->snapshot);
}

// ---- Store ----

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(const StoreOptions& options) {
  auto impl = std::make_unique<Impl>();
  impl->cache = rocksdb::NewLRUCache(options.block_cache_bytes);
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened = rocksdb::DB::Open(database_options(impl->failed), options.path.string(),
                                                   family_descriptors(impl->cache), &impl->handles, &db);
  if (!opened.ok()) return std::unexpected<Error>(to_error(fmt::format("open {}", options.path.string()), opened));
  impl->db.reset(db);
  impl->guard.emplace(*db, impl->failed, options.keep_free_bytes);
  return std::unique_ptr<Store>(new Store(std::move(impl)));
}

Status Store::write(StoreBatch& batch) {
  const rocksdb::Status written = impl_->write(batch.impl_->batch);
  if (written.ok() && !impl_->refusing.load(std::memory_order_relaxed)) return {};
  std::lock_guard lock(impl_->fault_mutex);
  impl_->refusing.store(!written.ok());
  if (written.ok()) {
    if (impl_->fault) log_info("store: takes writes again");
    impl_->fault.reset();
    return {};
  }
  Error error = to_error("write refused", written);
  if (!impl_->fault) log_error(error.message);
  impl_->fault = error;
  return std::unexpected<Error>(std::move(error));
}

// RocksDB does not survive a sync of a log that it has failed to write: the next write resumes it with a new one.
Status Store::sync() {
  if (impl_->failed->load()) return fail(ErrorCode::kUnavailable, "sync of the write-ahead log: the store refuses writes");
  return to_result("sync of the write-ahead log", impl_->db->SyncWAL());
}

Result<std::optional<std::string>> Store::get(Family family, std::string_view key, const StoreSnapshot* snapshot) const {
  std::string value;
  const rocksdb::Status found =
      impl_->db->Get(StoreSnapshot::Impl::read_options(snapshot), impl_->handle(family), slice(key), &value);
  if (found.IsNotFound()) return std::optional<std::string>();
  if (!found.ok()) return std::unexpected<Error>(to_error("read", found));
  return std::optional<std::string>(std::move(value));
}

Status Store::get_many(Family family, std::span<const std::string> keys, const StoreSnapshot* snapshot,
                       const std::function<Status(std::size_t i, std::string_view value)>& visit) const {
  const rocksdb::ReadOptions options = StoreSnapshot::Impl::read_options(snapshot);
  const std::size_t chunk = std::min(kReadChunk, keys.size());
  std::vector<rocksdb::Slice> slices(chunk);
  std::vector<rocksdb::Status> statuses(chunk);
  for (std::size_t begin = 0; begin < keys.size(); begin += chunk) {
    const std::size_t count = std::min(chunk, keys.size() - begin);
    for (std::size_t i = 0; i < count; ++i) slices[i] = slice(keys[begin + i]);
    std::vector<rocksdb::PinnableSlice> values(count);
    impl_->db->MultiGet(options, impl_->handle(family), count, slices.data(), values.data(), statuses.data());
    for (std::size_t i = 0; i < count; ++i) {
      if (statuses[i].IsNotFound()) continue;
      if (!statuses[i].ok()) return std::unexpected<Error>(to_error("read", statuses[i]));
      ORTHANT_TRY(visit(begin + i, view(values[i])));
    }
  }
  return {};
}

Status Store::scan(Family family, const KeyRange& range, const StoreSnapshot* snapshot, const Visit& visit) const {
  const rocksdb::Slice end = slice(range.end);
  const auto iterator = impl_->iterate(family, snapshot, end);
  for (iterator->Seek(slice(range.begin)); iterator->Valid(); iterator->Next()) {
    if (!visit(view(iterator->key()), view(iterator->value()))) break;
  }
  return to_result("scan", iterator->status());
}

Result<std::optional<std::string>> Store::last_key(Family family, const KeyRange& range) const {
  const rocksdb::Slice end = slice(range.end);
  const auto iterator = impl_->iterate(family, nullptr, end);
  iterator->SeekForPrev(end);
  if (iterator->Valid() && iterator->key() == end) iterator->Prev();
  ORTHANT_TRY(to_result("seek", iterator->status()));
  if (!iterator->Valid() || view(iterator->key()) < range.begin) return std::optional<std::string>();
  return std::optional<std::string>(iterator->key().ToString());
}

std::shared_ptr<const StoreSnapshot> Store::snapshot() const {
  auto impl = std::make_unique<StoreSnapshot::Impl>();
  impl->db = impl_->db.get();
  impl->snapshot = impl_->db->GetSnapshot();
  return std::shared_ptr<const StoreSnapshot>(new StoreSnapshot(std::move(impl)));
}

void Store::reclaim_space(Family family, const KeyRange& range) {
  const rocksdb::Slice begin = slice(range.begin);
  const rocksdb::Slice end = slice(range.end);
  rocksdb::Status done = rocksdb::DeleteFilesInRange(impl_->db.get(), impl_->handle(family), &begin, &end, false);
  if (done.ok()) done = impl_->db->SuggestCompactRange(impl_->handle(family), &begin, &end);
  if (!done.ok()) log_warning(to_error("reclaiming space", done).message);
}

std::uint64_t Store::approximate_bytes(Family family, const KeyRange& range) const {
  const rocksdb::Range asked(slice(range.begin), slice(range.end));
  rocksdb::SizeApproximationOptions options;
  options.include_memtables = true;
  options.include_files = true;
  std::uint64_t bytes = 0;
  const rocksdb::Status done = impl_->db->GetApproximateSizes(options, impl_->handle(family), &asked, 1, &bytes);
  return done.ok() ? bytes : 0;
}

std::mutex& Store::table_numbers_mutex() {
  return impl_->table_numbers_mutex;
}

std::optional<Error> Store::write_fault() const {
  std::lock_guard lock(impl_->fault_mutex);
  return impl_->fault;
}

std::map<std::string, std::uint64_t> Store::figures() const {
  static constexpr std::pair<const char*, const char*> kProperties[] = {
      {"estimated_keys", "rocksdb.estimate-num-keys"},
      {"live_data_bytes", "rocksdb.estimate-live-data-size"},
      {"table_files_bytes", "rocksdb.total-sst-files-size"},
      {"memtable_bytes", "rocksdb.cur-size-all-mem-tables"},
      {"table_readers_bytes", "rocksdb.estimate-table-readers-mem"},
      {"pending_compaction_bytes", "rocksdb.estimate-pending-compaction-bytes"},
      {"immutable_memtables", "rocksdb.num-immutable-mem-table"},
  };
  // Of the whole database: the families share them.
  static constexpr std::pair<const char*, const char*> kShared[] = {
      {"block_cache_bytes", "rocksdb.block-cache-usage"},
      {"running_compactions", "rocksdb.num-running-compactions"},
      {"running_flushes", "rocksdb.num-running-flushes"},
      {"background_errors", "rocksdb.background-errors"},
      {"write_stopped", "rocksdb.is-write-stopped"},
      {"delayed_write_bytes_per_second", "rocksdb.actual-delayed-write-rate"},
      {"snapshots", "rocksdb.num-snapshots"},
  };
  std::map<std::string, std::uint64_t> figures;
  std::uint64_t value = 0;
  for (const auto& [name, property] : kProperties) {
    for (rocksdb::ColumnFamilyHandle* handle : impl_->handles) {
      if (impl_->db->GetIntProperty(handle, property, &value)) figures[name] += value;
    }
  }
  for (const auto& [name, property] : kShared) {
    if (impl_->db->GetIntProperty(property, &value)) figures[name] = value;
  }
  return figures;
}

}  // namespace orthant
