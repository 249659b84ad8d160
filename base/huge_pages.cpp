#include "base/huge_pages.h"

#include <cstdint>
#include <new>

#include <sys/mman.h>

namespace orthant {
namespace {

std::size_t whole_huge_pages(std::size_t bytes) {
  return (bytes + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
}

}  // namespace

void* map_huge_pages(std::size_t bytes) {
  const std::size_t wanted = whole_huge_pages(bytes);
  // One page more than is wanted holds an aligned start; what lies around goes back.
  const std::size_t mapped = wanted + kHugePageBytes;
  void* memory = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  auto* begin = static_cast<char*>(memory);
  const std::size_t before = (kHugePageBytes - reinterpret_cast<std::uintptr_t>(begin) % kHugePageBytes) % kHugePageBytes;
  if (before > 0) ::munmap(begin, before);
  const std::size_t behind = kHugePageBytes - before;
  if (behind > 0) ::munmap(begin + before + wanted, behind);
  ::madvise(begin + before, wanted, MADV_HUGEPAGE);
  return begin + before;
}

void unmap_huge_pages(void* memory, std::size_t bytes) {
  ::munmap(memory, whole_huge_pages(bytes));
}

}  // namespace orthant
