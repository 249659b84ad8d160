#include "api/service/audit_file.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/metrics.h"

namespace orthant::service {
namespace {

constexpr std::chrono::seconds kLookInterval{1};

int open_for_adding(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

Counter& failures() {
  static Counter& instance = counter("orthant_audit_failures_total", "Lines of the audit log that could not be written");
  return instance;
}

}  // namespace

AuditFile::AuditFile(std::string path, int descriptor)
    : path_(std::move(path)), descriptor_(descriptor), next_look_(std::chrono::steady_clock::now() + kLookInterval) {}

AuditFile::~AuditFile() {
  ::close(descriptor_);
}

Result<std::unique_ptr<AuditFile>> AuditFile::open(std::string path) {
  const int descriptor = open_for_adding(path);
  if (descriptor < 0) return io_error(fmt::format("audit_log \"{}\": {}", path, std::strerror(errno)));
  return std::unique_ptr<AuditFile>(new AuditFile(std::move(path), descriptor));
}

void AuditFile::reopen_if_moved() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_look_) return;
  next_look_ = now + kLookInterval;
  struct stat here{};
  struct stat there{};
  const bool same = fstat(descriptor_, &here) == 0 && stat(path_.c_str(), &there) == 0 && here.st_ino == there.st_ino &&
                    here.st_dev == there.st_dev;
  if (same) return;
  // Where it cannot be made anew, the old file, wherever it is now, still takes the lines.
  const int fresh = open_for_adding(path_);
  if (fresh < 0) return;
  ::close(descriptor_);
  descriptor_ = fresh;
}

void AuditFile::add(std::string_view line) {
  std::string bytes(line);
  bytes += '\n';
  const std::lock_guard lock(mutex_);
  reopen_if_moved();
  const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
  if (written == static_cast<ssize_t>(bytes.size())) {
    failing_ = false;
    return;
  }
  failures().add();
  if (!failing_) log_error(fmt::format("audit_log \"{}\": {}", path_, written < 0 ? std::strerror(errno) : "written in part"));
  failing_ = true;
}

}  // namespace orthant::service
