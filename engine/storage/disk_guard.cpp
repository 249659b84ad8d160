#include "engine/storage/disk_guard.h"

#include <filesystem>

#include <fmt/format.h>

#include "base/log.h"

namespace orthant {
namespace {

// A broken disk is asked again at most this often: resuming flushes, which is dear.
constexpr std::chrono::milliseconds kAttemptInterval{500};
// A request waits this long for the database to take writes again.
constexpr std::chrono::seconds kPatience{5};
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
// Beside what is flushed: a new log, a manifest, file system blocks.
constexpr std::uint64_t kResumeMarginBytes = 4 * kMiB;
constexpr std::uint64_t kRemovalMarginBytes = kMiB;
// Tables are compressed: how much smaller than memory nobody knows before.
constexpr std::uint64_t kUsualCompression = 8;
// With that much room nobody needs to know what is in memory, which costs RocksDB's lock: all its write buffers fit several times.
constexpr std::uint64_t kPlentyBytes = 1024 * kMiB;

// Everything where the file system cannot tell.
std::uint64_t available_bytes(const rocksdb::DB& db) {
  std::error_code failure;
  const std::filesystem::space_info space = std::filesystem::space(db.GetName(), failure);
  return failure ? UINT64_MAX : space.available;
}

}  // namespace

DiskGuard::DiskGuard(rocksdb::DB& db, std::shared_ptr<std::atomic<bool>> failed, std::uint64_t keep_free_bytes)
    : db_(db), failed_(std::move(failed)), keep_free_bytes_(keep_free_bytes) {}

std::uint64_t DiskGuard::unflushed_bytes() const {
  std::uint64_t bytes = 0;
  db_.GetAggregatedIntProperty(rocksdb::DB::Properties::kCurSizeAllMemTables, &bytes);
  return bytes;
}

rocksdb::Status DiskGuard::check_room(std::size_t bytes, bool gives_back) const {
  if (keep_free_bytes_ == 0) return rocksdb::Status::OK();
  const std::uint64_t available = available_bytes(db_);
  // The batch goes to the log at once and to a table later.
  const std::uint64_t batch = 2 * static_cast<std::uint64_t>(bytes);
  if (available > kPlentyBytes + batch || (gives_back && available > kRemovalMarginBytes + batch)) return rocksdb::Status::OK();
  const std::uint64_t needed = unflushed_bytes() + keep_free_bytes_ + batch;
  if (available >= needed) return rocksdb::Status::OK();
  return rocksdb::Status::NoSpace(
      fmt::format("{} bytes are free on the disk of the data directory, {} are needed", available, needed));
}

bool DiskGuard::has_room_to_resume() const {
  return available_bytes(db_) > unflushed_bytes() / kUsualCompression + kResumeMarginBytes;
}

bool DiskGuard::resume() {
  if (!attempt_.valid()) {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_attempt_ || !has_room_to_resume()) return false;
    next_attempt_ = now + kAttemptInterval;
    failed_->store(false);  // before: a new failure while resuming must not be forgotten
    attempt_ = std::async(std::launch::async, [this] { return db_.Resume().ok(); });
    if (attempt_.wait_for(kPatience) != std::future_status::ready) {
      log_error(
          "store: taking writes again lasts long; if it does not end, restart the daemon (nothing that was acknowledged is lost)");
    }
  }
  if (attempt_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return false;
  if (attempt_.get()) return true;
  failed_->store(true);
  return false;
}

}  // namespace orthant
