#include "index/cold_rows.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace orthant {
namespace {

// Reads that ask ahead after one met a cold page.
constexpr unsigned kReadsAhead = 64;
// Ranges of one request.
constexpr std::size_t kMostRanges = 256;
constexpr std::uintptr_t kPageBytes = 4'096;

long major_faults() {
  rusage usage{};
  return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_majflt : 0;
}

// This process, as process_madvise() wants it; -1 where the kernel has no such calls.
int own_process() {
  static const int descriptor = static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0));
  return descriptor;
}

bool advise(std::span<const iovec> ranges) {
  const auto taken = syscall(SYS_process_madvise, own_process(), ranges.data(), ranges.size(), MADV_WILLNEED, 0);
  return taken >= 0;
}

iovec pages_of(const std::uint8_t* row, std::size_t bytes) {
  const auto first = reinterpret_cast<std::uintptr_t>(row) / kPageBytes * kPageBytes;
  const auto last = (reinterpret_cast<std::uintptr_t>(row) + bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
  return {reinterpret_cast<void*>(first), last - first};
}

}  // namespace

bool read_ahead(const RowColumn& column, std::span<const Ordinal> rows) {
  if (own_process() < 0) return false;
  std::array<iovec, kMostRanges> ranges;
  std::size_t count = 0;
  bool taken = true;
  for (const Ordinal row : rows) {
    if (row < column.first_file_row()) continue;
    ranges[count++] = pages_of(column.row(row), column.row_bytes());
    if (count < kMostRanges) continue;
    taken = advise(ranges) && taken;
    count = 0;
  }
  return (count == 0 || advise(std::span(ranges).first(count))) && taken;
}

ColdRows::ColdRows(const RowColumn& column, std::span<const Ordinal> rows)
    : column_(column), in_file_(std::ranges::any_of(rows, [&](Ordinal row) { return row >= column.first_file_row(); })) {
  if (!in_file_) return;
  if (column_.take_read_ahead()) read_ahead(column_, rows);
  faults_before_ = major_faults();
}

ColdRows::~ColdRows() {
  if (in_file_ && major_faults() != faults_before_) column_.expect_cold_reads(kReadsAhead);
}

}  // namespace orthant
