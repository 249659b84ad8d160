#include "engine/snapshot_folder.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/whole_file.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kExtension = ".snapshot";
constexpr std::string_view kChecksumExtension = ".checksum";
// Room for the time and the extensions in the 255 bytes of a file name.
constexpr std::size_t kMostNameBytes = 180;

// Names of collections may be "." and "..", which are folders of another meaning.
std::string folder_name(std::string_view collection) {
  if (collection == "." || collection == ".." || collection.starts_with("%")) return fmt::format("%{}", collection);
  return std::string(collection);
}

std::string cut(std::string_view name) {
  if (name.size() <= kMostNameBytes) return std::string(name);
  std::size_t end = kMostNameBytes;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;
  return std::string(name.substr(0, end));
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && !name.starts_with('.') && !name.contains('/') && !name.contains('\0') && name.ends_with(kExtension);
}

std::unexpected<Error> unknown(std::string_view name) {
  return not_found(fmt::format("Snapshot {} not found", name));
}

Status sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return io_error(fmt::format("{}: {}", folder.string(), std::strerror(errno)));
  const bool synced = ::fsync(descriptor) == 0;
  ::close(descriptor);
  return synced ? Status() : io_error(fmt::format("{}: {}", folder.string(), std::strerror(errno)));
}

Status make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  return error ? io_error(fmt::format("{}: {}", folder.string(), error.message())) : Status();
}

SnapshotInfo info_of(const fs::path& file) {
  std::error_code ignored;
  SnapshotInfo info;
  info.name = file.filename().string();
  info.bytes = fs::file_size(file, ignored);
  info.created = std::chrono::floor<std::chrono::seconds>(std::chrono::file_clock::to_sys(fs::last_write_time(file, ignored)));
  if (auto text = read_whole_file(file.string() + std::string(kChecksumExtension), 1024)) info.sha256 = std::move(*text);
  while (info.sha256.ends_with('\n')) info.sha256.pop_back();
  return info;
}

}  // namespace

Status SnapshotFolder::prepare() const {
  std::error_code ignored;
  fs::remove_all(root_ / "tmp", ignored);
  return make_folder(root_ / "tmp");
}

fs::path SnapshotFolder::folder_of(const SnapshotScope& scope) const {
  if (scope.collection.empty()) return root_ / "full";
  fs::path folder = root_ / "collections" / folder_name(scope.collection);
  return scope.shard ? folder / "shards" / std::to_string(*scope.shard) : folder;
}

Result<std::vector<SnapshotInfo>> SnapshotFolder::list(const SnapshotScope& scope) const {
  std::vector<SnapshotInfo> found;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(folder_of(scope), error)) {
    std::error_code ignored;
    if (file.is_regular_file(ignored) && is_plain_name(file.path().filename().string())) found.push_back(info_of(file.path()));
  }
  if (error && error != std::errc::no_such_file_or_directory) return io_error(fmt::format("snapshots: {}", error.message()));
  std::ranges::sort(found, {}, [](const SnapshotInfo& info) { return std::pair(info.created, info.name); });
  return found;
}

Result<fs::path> SnapshotFolder::find(const SnapshotScope& scope, std::string_view name) const {
  if (!is_plain_name(name)) return unknown(name);
  fs::path file = folder_of(scope) / name;
  std::error_code ignored;
  if (!fs::is_regular_file(fs::symlink_status(file, ignored))) return unknown(name);
  return file;
}

Result<SnapshotInfo> SnapshotFolder::describe(const SnapshotScope& scope, std::string_view name) const {
  return info_of(ORTHANT_TRY(find(scope, name)));
}

Status SnapshotFolder::remove(const SnapshotScope& scope, std::string_view name) const {
  const fs::path file = ORTHANT_TRY(find(scope, name));
  std::error_code error;
  fs::remove(file, error);
  if (error) return io_error(fmt::format("snapshot {}: {}", name, error.message()));
  fs::remove(file.string() + std::string(kChecksumExtension), error);
  return {};
}

fs::path SnapshotFolder::temporary() const {
  return root_ / "tmp" / fmt::format("{}-{}", ::getpid(), next_temporary_.fetch_add(1));
}

Result<SnapshotInfo> SnapshotFolder::publish(const SnapshotScope& scope, const fs::path& temporary, std::string_view sha256) const {
  const fs::path folder = folder_of(scope);
  ORTHANT_TRY(make_folder(folder));
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const std::string owner = scope.collection.empty() ? "full-snapshot" : cut(scope.collection);
  const std::string stem = fmt::format("{}-{:%Y-%m-%d-%H-%M-%S}", owner, now);
  const std::lock_guard lock(names_mutex_);
  std::error_code error;
  // A second one in the same second gets a number; a leading dot would hide the file from find().
  std::string base = stem.starts_with('.') ? "_" + stem : stem;
  fs::path file = folder / (base + std::string(kExtension));
  for (int copy = 2; fs::exists(file, error); ++copy) file = folder / fmt::format("{}-{}{}", base, copy, kExtension);
  const fs::path checksum = file.string() + std::string(kChecksumExtension);
  Status written = write_whole_file(checksum, sha256);
  if (written) {
    fs::rename(temporary, file, error);
    if (error) written = io_error(fmt::format("{}: {}", file.string(), error.message()));
  }
  if (!written) {
    fs::remove(checksum, error);
    return std::unexpected<Error>(written.error());
  }
  ORTHANT_TRY(sync_folder(folder));
  return info_of(file);
}

bool SnapshotFolder::holds(const fs::path& file) const {
  std::error_code error;
  const fs::path inside = fs::canonical(root_, error);
  const fs::path real = error ? fs::path() : fs::canonical(file, error);
  if (error) return false;
  return std::mismatch(inside.begin(), inside.end(), real.begin(), real.end()).first == inside.end();
}

}  // namespace orthant
