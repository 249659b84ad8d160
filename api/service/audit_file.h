#pragma once
// AuditFile: a file that lines are added to. Each line is one write at the file's end, so that none is torn; a file that was moved
// or deleted meanwhile is made anew (looked at once a second). Safe from any thread.

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"

namespace orthant::service {

class AuditFile {
 public:
  // io_error when it cannot be opened for writing. Readable by its owner and group only.
  static Result<std::unique_ptr<AuditFile>> open(std::string path);
  ~AuditFile();
  AuditFile(const AuditFile&) = delete;
  AuditFile& operator=(const AuditFile&) = delete;

  // Adds a line feed. A failure is counted and logged, once until a write succeeds again.
  void add(std::string_view line);

 private:
  AuditFile(std::string path, int descriptor);
  void reopen_if_moved();

  const std::string path_;
  std::mutex mutex_;
  int descriptor_;                                   // guarded by mutex_
  std::chrono::steady_clock::time_point next_look_;  // guarded by mutex_
  bool failing_ = false;                             // guarded by mutex_
};

}  // namespace orthant::service
