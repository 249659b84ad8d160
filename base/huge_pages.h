#pragma once
// Large blocks of memory straight from the kernel, on huge pages where it gives them. The heap keeps blocks that were freed between
// others (an index that was encoded anew would cost twice its memory for good); these go back at once. Any thread.

#include <cstddef>

namespace orthant {

inline constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

// At least `bytes` of zeros that start on a huge page; pages that nobody writes cost no memory. Throws std::bad_alloc.
void* map_huge_pages(std::size_t bytes);
// `bytes` as it was asked for.
void unmap_huge_pages(void* memory, std::size_t bytes);

}  // namespace orthant
