#include "base/huge_pages.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include <gtest/gtest.h>
#include <sys/mman.h>

namespace orthant {
namespace {

bool is_mapped(char* page) {
  unsigned char resident = 0;
  return ::mincore(page, 1, &resident) == 0 || errno != ENOMEM;
}

TEST(HugePages, AreZeroedAlignedAndGivenBack) {
  for (const std::size_t bytes : {std::size_t{1}, kHugePageBytes, 3 * kHugePageBytes - 5}) {
    auto* memory = static_cast<char*>(map_huge_pages(bytes));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % kHugePageBytes, 0u);
    EXPECT_TRUE(std::all_of(memory, memory + bytes, [](char byte) { return byte == 0; }));
    std::fill_n(memory, bytes, 'x');
    char* const last_page = memory + (bytes - 1) / 4096 * 4096;
    EXPECT_TRUE(is_mapped(memory) && is_mapped(last_page));
    unmap_huge_pages(memory, bytes);
    EXPECT_FALSE(is_mapped(memory) || is_mapped(last_page)) << bytes;
  }
}

}  // namespace
}  // namespace orthant
