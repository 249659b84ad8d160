#pragma once
// DiskGuard: keeps the store's database from meeting a full disk, and takes it out of the read-only state that a failure leaves.
// Private to engine/storage. check_room() may be called from any thread; resume() from one at a time.
//
// Why not leave a full disk to RocksDB. When a write to its log fails, RocksDB stops its background work; a flush that was due but
// had not begun then is dropped and yet stays marked as queued, and DB::Resume(), which waits for that flush, never returns (read
// in the source of 7.8 and seen in a test). So writes are refused while there is still room for what is in memory. Where another
// program takes the last bytes all the same, resuming waits in a thread of its own, so that no request hangs with it.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>

#include <rocksdb/db.h>

namespace orthant {

class DiskGuard {
 public:
  // `db` must outlive the guard. `failed` is set by whoever sees the database fail. `keep_free_bytes`: see StoreOptions.
  DiskGuard(rocksdb::DB& db, std::shared_ptr<std::atomic<bool>> failed, std::uint64_t keep_free_bytes);
  // Waits for an attempt to resume that is under way: CancelAllBackgroundWork() ends one that hangs.
  ~DiskGuard() = default;
  DiskGuard(const DiskGuard&) = delete;
  DiskGuard& operator=(const DiskGuard&) = delete;

  // NoSpace, with the figures, when a batch of `bytes` would leave less than what is in memory needs when it is written out.
  // `gives_back`: the batch removes ranges, which is how a full disk gets room again; it may use the last bytes.
  rocksdb::Status check_room(std::size_t bytes, bool gives_back) const;

  // True when the database takes writes again. At most one attempt in half a second; waits for it for a few seconds.
  bool resume();

 private:
  std::uint64_t unflushed_bytes() const;
  bool has_room_to_resume() const;

  rocksdb::DB& db_;
  const std::shared_ptr<std::atomic<bool>> failed_;
  const std::uint64_t keep_free_bytes_;
  std::chrono::steady_clock::time_point next_attempt_{};
  std::future<bool> attempt_;  // valid while one is under way
};

}  // namespace orthant
