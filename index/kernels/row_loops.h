#pragma once
// Kernels of some rows at once, led over all rows of a matrix or of a list. Included by files that are each compiled for their own
// level, so that everything here has internal linkage: no linker may take one level's copy for another.

#include <cstddef>

namespace orthant {
namespace {

constexpr int kFirstLevel = 3;
constexpr int kSecondLevel = 2;

template <int cache>
void prefetch_row(const void* row, std::size_t bytes) {
  for (std::size_t offset = 0; offset < bytes; offset += 64) {
    __builtin_prefetch(static_cast<const char*>(row) + offset, 0, cache);
  }
}

constexpr int kGroup = 4;
// Listed rows lie anywhere in memory: they are fetched into the second-level cache, which has more fetches under way than the
// first, so many bytes ahead, and into the first when they are next. 1.2 times the rows a second of fetching into the first only.
constexpr std::size_t kPrefetchBytes = 24 * 384;
constexpr std::size_t kFewestRowsAhead = 4;

template <auto group, auto single, typename Query, typename Element, typename Out>
void over_rows(const Query* query, const Element* rows, std::size_t dim, std::size_t count, Out* out) {
  std::size_t row = 0;
  for (; row + kGroup <= count; row += kGroup) {
    const Element* pointers[kGroup];
    for (int i = 0; i < kGroup; ++i) pointers[i] = rows + (row + static_cast<std::size_t>(i)) * dim;
    group(query, pointers, dim, out + row);
  }
  for (; row < count; ++row) {
    const Element* pointer = rows + row * dim;
    single(query, &pointer, dim, out + row);
  }
}

template <auto group, auto single, typename Query, typename Element, typename Out>
void over_list(const Query* query, const Element* const* rows, std::size_t dim, std::size_t count, Out* out) {
  const std::size_t row_bytes = dim * sizeof(Element);
  const std::size_t ahead = kPrefetchBytes / row_bytes < kFewestRowsAhead ? kFewestRowsAhead : kPrefetchBytes / row_bytes;
  for (std::size_t row = 0; row < count && row < ahead; ++row) prefetch_row<kSecondLevel>(rows[row], row_bytes);
  std::size_t row = 0;
  for (; row + kGroup <= count; row += kGroup) {
    for (std::size_t far = row + ahead; far < row + ahead + kGroup && far < count; ++far) {
      prefetch_row<kSecondLevel>(rows[far], row_bytes);
    }
    for (std::size_t next = row + kGroup; next < row + 2 * kGroup && next < count; ++next) {
      prefetch_row<kFirstLevel>(rows[next], row_bytes);
    }
    group(query, rows + row, dim, out + row);
  }
  for (; row < count; ++row) single(query, rows + row, dim, out + row);
}

}  // namespace
}  // namespace orthant
