#pragma once
// DataDirectory: the daemon's folder. Holds the lock that keeps a second process out (released by the destructor, or by the kernel
// when the process dies) and checks the format version before anything else is opened. Not thread-safe; opened once.
//
//   DIR/lock     held with flock, contains the holder's process id
//   DIR/format   "orthant 1\n"
//   DIR/store/   RocksDB
//   DIR/index/   index snapshots; may be deleted at any time

#include <filesystem>

#include "base/result.h"

namespace orthant {

// Of the whole directory: raised when an older binary could no longer read what a newer one writes.
inline constexpr unsigned kDirectoryFormat = 1;

class DataDirectory {
 public:
  // Creates the folder if absent. failed_precondition: held by another process, or written by a newer version. io_error: cannot be
  // created or written. data_corruption: there is a store but no readable format file.
  static Result<DataDirectory> open(const std::filesystem::path& path);
  DataDirectory(DataDirectory&& other) noexcept;
  DataDirectory& operator=(DataDirectory&&) = delete;
  ~DataDirectory();

  std::filesystem::path store_path() const { return path_ / "store"; }
  std::filesystem::path index_path() const { return path_ / "index"; }
  const std::filesystem::path& path() const { return path_; }

 private:
  DataDirectory(std::filesystem::path path, int lock_descriptor);

  std::filesystem::path path_;
  int lock_descriptor_ = -1;
};

}  // namespace orthant
