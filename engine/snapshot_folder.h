#pragma once
// SnapshotFolder: the files of snapshots on disk: their names, checksums and places. Knows nothing of their content. Any thread.
//
//   ROOT/collections/NAME/FILE.snapshot         of a collection, and FILE.snapshot.checksum beside it: its SHA-256 in hex
//   ROOT/collections/NAME/shards/N/FILE...      asked for by shard: a single node has one, number 0
//   ROOT/full/FILE.snapshot                     of the whole daemon
//   ROOT/tmp/                                   what is being written or received; emptied at the start

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace orthant {

// Whose snapshots: of one collection (and one of its shards), or of the whole daemon.
struct SnapshotScope {
  std::string collection{};  // empty: the whole daemon
  std::optional<std::uint32_t> shard{};
};

struct SnapshotInfo {
  std::string name;
  std::chrono::sys_seconds created;
  std::uint64_t bytes = 0;
  std::string sha256;  // empty where a file was put there by hand
};

class SnapshotFolder {
 public:
  explicit SnapshotFolder(std::filesystem::path root) : root_(std::move(root)) {}
  // Makes the folders and removes what a crash left unfinished.
  Status prepare() const;

  const std::filesystem::path& root() const { return root_; }
  // By time, oldest first.
  Result<std::vector<SnapshotInfo>> list(const SnapshotScope& scope) const;
  // not_found, also for names that are no plain file names.
  Result<std::filesystem::path> find(const SnapshotScope& scope, std::string_view name) const;
  Result<SnapshotInfo> describe(const SnapshotScope& scope, std::string_view name) const;
  Status remove(const SnapshotScope& scope, std::string_view name) const;
  // A name that no other file has. Whoever uses it removes the file.
  std::filesystem::path temporary() const;
  // Gives a finished temporary file its name in the scope, durably.
  Result<SnapshotInfo> publish(const SnapshotScope& scope, const std::filesystem::path& temporary, std::string_view sha256) const;
  // Whether `file`, links resolved, lies inside the folder.
  bool holds(const std::filesystem::path& file) const;

 private:
  std::filesystem::path folder_of(const SnapshotScope& scope) const;

  const std::filesystem::path root_;
  mutable std::mutex names_mutex_;
  mutable std::atomic<std::uint64_t> next_temporary_{0};
};

}  // namespace orthant
