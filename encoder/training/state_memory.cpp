#include "encoder/training/state_memory.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

namespace orthant {
namespace {

std::unexpected<Error> failed(const std::filesystem::path& folder, std::size_t bytes, int code) {
  const ErrorCode kind = code == ENOSPC || code == ENOMEM ? ErrorCode::kResourceExhausted : ErrorCode::kIoError;
  return fail(kind,
              fmt::format("{}: {} MiB for the state of the optimizer: {}", folder.string(), bytes >> 20, std::strerror(code)));
}

// A file without a name, with room on disk for all of it: a full disk would kill the process where it is touched.
Result<int> open_unnamed(const std::filesystem::path& folder, std::size_t bytes) {
  std::string name = (folder / ".optimizer.XXXXXX").string();
  const int file = mkstemp(name.data());
  if (file < 0) return failed(folder, bytes, errno);
  unlink(name.c_str());
  if (const int code = posix_fallocate(file, 0, static_cast<off_t>(bytes)); code != 0) {
    close(file);
    return failed(folder, bytes, code);
  }
  return file;
}

}  // namespace

Result<StateMemory> StateMemory::in_memory(std::size_t bytes) {
  StateMemory memory;
  memory.size_ = bytes;
  if (bytes == 0) return memory;
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return failed("memory", bytes, errno);
  memory.data_ = static_cast<std::uint8_t*>(data);
  return memory;
}

Result<StateMemory> StateMemory::in_file(const std::filesystem::path& folder, std::size_t bytes) {
  StateMemory memory;
  memory.size_ = bytes;
  memory.paged_ = true;
  if (bytes == 0) return memory;
  const int file = ORTHANT_TRY(open_unnamed(folder, bytes));
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  const int code = errno;
  close(file);
  if (data == MAP_FAILED) return failed(folder, bytes, code);
  memory.data_ = static_cast<std::uint8_t*>(data);
  return memory;
}

StateMemory::StateMemory(StateMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)), paged_(other.paged_) {}

StateMemory& StateMemory::operator=(StateMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(paged_, other.paged_);
  return *this;
}

StateMemory::~StateMemory() {
  if (data_ != nullptr) munmap(data_, size_);
}

void StateMemory::forget(std::size_t start, std::size_t count) const {
  if (!paged_) return;
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t first = (start + page - 1) / page * page;
  const std::size_t last = start + count == size_ ? size_ : (start + count) / page * page;
  if (first < last) madvise(data_ + first, last - first, MADV_DONTNEED);
}

}  // namespace orthant
