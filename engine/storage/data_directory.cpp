#include "engine/storage/data_directory.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

namespace orthant {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFormatPrefix = "orthant ";

std::unexpected<Error> failed(const fs::path& path, std::string_view action, int error) {
  return io_error(fmt::format("{}: {}: {}", path.string(), action, std::strerror(error)));
}

std::string read_all(int descriptor) {
  char buffer[64];
  const ssize_t count = pread(descriptor, buffer, sizeof buffer, 0);
  return count > 0 ? std::string(buffer, static_cast<std::size_t>(count)) : std::string();
}

Result<int> take_lock(const fs::path& directory) {
  const fs::path file = directory / "lock";
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return failed(file, "cannot be opened", errno);
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    std::string holder = read_all(descriptor);
    ::close(descriptor);
    if (error != EWOULDBLOCK) return failed(file, "cannot be locked", error);
    while (!holder.empty() && holder.back() == '\n') holder.pop_back();
    return fail(ErrorCode::kFailedPrecondition, fmt::format("data directory {} is held by another process (process id {})",
                                                            directory.string(), holder.empty() ? "unknown" : holder));
  }
  const std::string own = fmt::format("{}\n", getpid());
  // The id is a help for people; the lock does not depend on it (the disk may be full).
  if (ftruncate(descriptor, 0) == 0) {
    [[maybe_unused]] const ssize_t written = pwrite(descriptor, own.data(), own.size(), 0);
  }
  return descriptor;
}

// Written beside, synced, renamed: a format file is whole or absent.
Status write_format(const fs::path& directory) {
  const fs::path file = directory / "format";
  const fs::path beside = directory / "format.new";
  const std::string text = fmt::format("{}{}\n", kFormatPrefix, kDirectoryFormat);
  const int descriptor = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) return failed(beside, "cannot be created", errno);
  const bool written = ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(descriptor) == 0;
  const int error = errno;
  ::close(descriptor);
  if (!written) return failed(beside, "cannot be written", error);
  if (::rename(beside.c_str(), file.c_str()) != 0) return failed(file, "cannot be created", errno);
  return {};
}

Status check_format(const fs::path& directory) {
  const fs::path file = directory / "format";
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    if (errno != ENOENT) return failed(file, "cannot be read", errno);
    if (fs::exists(directory / "store" / "CURRENT")) {
      return data_corruption(fmt::format("{}: missing beside an existing store; restore the file from a backup", file.string()));
    }
    return write_format(directory);
  }
  const std::string text = read_all(descriptor);
  ::close(descriptor);
  unsigned found = 0;
  const char* digits = text.data() + std::min(text.size(), kFormatPrefix.size());
  const char* end = text.data() + text.size();
  if (!text.starts_with(kFormatPrefix) || std::from_chars(digits, end, found).ec != std::errc() || found == 0) {
    return data_corruption(fmt::format("{}: expected \"{}N\"", file.string(), kFormatPrefix));
  }
  if (found > kDirectoryFormat) {
    return fail(ErrorCode::kFailedPrecondition,
                fmt::format("data directory {} was written by a newer version (format {}; this version reads up to {})",
                            directory.string(), found, kDirectoryFormat));
  }
  return {};
}

}  // namespace

DataDirectory::DataDirectory(fs::path path, int lock_descriptor) : path_(std::move(path)), lock_descriptor_(lock_descriptor) {}

DataDirectory::DataDirectory(DataDirectory&& other) noexcept
    : path_(std::move(other.path_)), lock_descriptor_(std::exchange(other.lock_descriptor_, -1)) {}

DataDirectory::~DataDirectory() {
  if (lock_descriptor_ >= 0) ::close(lock_descriptor_);
}

Result<DataDirectory> DataDirectory::open(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return io_error(fmt::format("data directory {}: cannot be created: {}", path.string(), error.message()));
  DataDirectory directory(path, ORTHANT_TRY(take_lock(path)));
  ORTHANT_TRY(check_format(path));
  fs::create_directories(directory.index_path(), error);
  if (error) return io_error(fmt::format("{}: cannot be created: {}", directory.index_path().string(), error.message()));
  return directory;
}

}  // namespace orthant
