#include "api/exchange/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

namespace orthant {

InputFile::InputFile(std::filesystem::path path, int descriptor, std::uint64_t size)
    : path_(std::move(path)), descriptor_(descriptor), size_(size) {}

InputFile::InputFile(InputFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_) {}

InputFile::~InputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<InputFile> InputFile::open(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return not_found(path.string() + ": no such file");
  if (!std::filesystem::is_regular_file(path, error)) return invalid_argument(path.string() + ": expected a file");
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status{};
  if (descriptor < 0 || ::fstat(descriptor, &status) != 0) {
    const std::string reason = std::strerror(errno);
    if (descriptor >= 0) ::close(descriptor);
    return io_error(path.string() + ": cannot be opened: " + reason);
  }
  return InputFile(path, descriptor, static_cast<std::uint64_t>(status.st_size));
}

Status InputFile::read_at(std::uint64_t offset, std::span<std::uint8_t> out) const {
  ORTHANT_TRY(check_range(offset, out.size(), 1));
  while (!out.empty()) {
    const ssize_t count = ::pread(descriptor_, out.data(), out.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return io_error(path_.string() + ": reading failed: " + std::strerror(errno));
    if (count == 0) return damaged("the file became shorter while it was read");
    out = out.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

Status InputFile::check_range(std::uint64_t offset, std::uint64_t count, std::uint64_t element_bytes) const {
  const std::uint64_t rest = offset > size_ ? 0 : size_ - offset;
  if (offset <= size_ && (element_bytes == 0 || count <= rest / element_bytes)) return {};
  return damaged(
      fmt::format("{} elements of {} bytes expected at byte {}, the file has {} bytes", count, element_bytes, offset, size_));
}

std::unexpected<Error> InputFile::damaged(std::string_view message) const {
  return data_corruption(fmt::format("{}: {}", path_.string(), message));
}
std::unexpected<Error> InputFile::refused(std::string_view message) const {
  return invalid_argument(fmt::format("{}: {}", path_.string(), message));
}

}  // namespace orthant
