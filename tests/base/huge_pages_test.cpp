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

bool is_resident(char* page) {
  unsigned char resident = 0;
  return ::mincore(page, 1, &resident) == 0 && (resident & 1) != 0;
}

TEST(HugePages, OfAGrowingBlockAreThoseThatAreFull) {
  constexpr std::size_t kBytes = 4 * kHugePageBytes;
  constexpr std::size_t kHalf = kHugePageBytes / 2;
  auto* memory = static_cast<char*>(map_growing_pages(kBytes));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % kHugePageBytes, 0u);
  auto fill_up_to = [&, filled = std::size_t{0}](std::size_t end) mutable {
    back_by_huge_pages(memory, filled, end);
    for (; filled < end; ++filled) memory[filled] = static_cast<char>(filled / 4096);
  };
  for (const std::size_t end : {kHalf, kHugePageBytes + kHalf, kHugePageBytes + kHalf, 3 * kHugePageBytes + 1}) fill_up_to(end);
  for (std::size_t i = 0; i < 3 * kHugePageBytes + 1; ++i) ASSERT_EQ(memory[i], static_cast<char>(i / 4096)) << i;
  EXPECT_TRUE(is_resident(memory + 3 * kHugePageBytes));
  EXPECT_FALSE(is_resident(memory + 3 * kHugePageBytes + 4096)) << "the rest of a page that is not full costs memory";
  unmap_huge_pages(memory, kBytes);
  EXPECT_FALSE(is_mapped(memory) || is_mapped(memory + 3 * kHugePageBytes));
}

}  // namespace
}  // namespace orthant
