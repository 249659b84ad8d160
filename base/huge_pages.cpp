#include "base/huge_pages.h"

#include <cstdint>
#include <fstream>
#include <new>
#include <string>

#include <sys/mman.h>

namespace orthant {
namespace {

constexpr int kCollapse = 25;  // MADV_COLLAPSE, of Linux 6.1; not in this system's headers

std::size_t whole_huge_pages(std::size_t bytes) {
  return (bytes + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
}

// Advice that the kernel does not know or follow leaves small pages, which work as well.
void* map_aligned(std::size_t bytes, int advice) {
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
  ::madvise(begin + before, wanted, advice);
  return begin + before;
}

// The kernel collapses pages on request whatever the system's setting says; "never" is followed here.
bool may_collapse() {
  std::ifstream setting("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string words;
  return std::getline(setting, words) && words.find("[never]") == std::string::npos;
}

}  // namespace

void* map_huge_pages(std::size_t bytes) {
  return map_aligned(bytes, MADV_HUGEPAGE);
}

void* map_growing_pages(std::size_t bytes) {
  return map_aligned(bytes, MADV_NOHUGEPAGE);
}

void back_by_huge_pages(void* memory, std::size_t before, std::size_t filled) {
  auto* begin = static_cast<char*>(memory);
  const std::size_t first = before / kHugePageBytes * kHugePageBytes;
  const std::size_t end = filled / kHugePageBytes * kHugePageBytes;
  if (end <= first) return;
  ::madvise(begin + first, end - first, MADV_HUGEPAGE);
  // The first may have been written to in part: it has small pages, and would keep them for long.
  static const bool collapse = may_collapse();
  if (before > first && collapse) ::madvise(begin + first, kHugePageBytes, kCollapse);
}

void unmap_huge_pages(void* memory, std::size_t bytes) {
  ::munmap(memory, whole_huge_pages(bytes));
}

}  // namespace orthant
