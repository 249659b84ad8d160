#include "index/column_file.h"

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

constexpr std::size_t kPageBytes = 4'096;

std::size_t whole_pages(std::size_t bytes) {
  return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

}  // namespace

ColumnFile::~ColumnFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Status ColumnFile::open() {
  if (descriptor_ >= 0) return {};
  descriptor_ = ::open(directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor_ >= 0) return {};
  // File systems without nameless files: one with a name, which is taken away at once.
  std::string name = (directory_ / "column-XXXXXX").string();
  descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor_ < 0) return io_error(fmt::format("index column in {}: {}", directory_.string(), std::strerror(errno)));
  ::unlink(name.c_str());
  return {};
}

Status ColumnFile::take_space(std::size_t bytes) {
  int failed = 0;
  do {
    failed = ::posix_fallocate(descriptor_, static_cast<off_t>(size_), static_cast<off_t>(bytes));
  } while (failed == EINTR);
  if (failed == 0) return {};
  // What was taken before the disk was full.
  if (::ftruncate(descriptor_, static_cast<off_t>(size_)) != 0) failed = errno;
  return io_error(fmt::format("index column in {}: {} more bytes on disk: {}", directory_.string(), bytes, std::strerror(failed)));
}

Result<std::uint8_t*> ColumnFile::map(std::size_t bytes) {
  const std::size_t wanted = whole_pages(bytes);
  ORTHANT_TRY(open());
  ORTHANT_TRY(take_space(wanted));
  void* memory = ::mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, static_cast<off_t>(size_));
  if (memory == MAP_FAILED) {
    const std::string reason = std::strerror(errno);
    ignore_error(::ftruncate(descriptor_, static_cast<off_t>(size_)) == 0 ? Status() : io_error(reason),
                 "the space is taken again by the next call");
    return io_error(fmt::format("index column in {}: mapping {} bytes: {}", directory_.string(), wanted, reason));
  }
  // Rows are read one by one, wherever they stand: pages before and after are of no use.
  ::madvise(memory, wanted, MADV_RANDOM);
  size_ += wanted;
  return static_cast<std::uint8_t*>(memory);
}

void unmap_chunk(std::uint8_t* memory, std::size_t bytes) {
  ::munmap(memory, whole_pages(bytes));
}

}  // namespace orthant
