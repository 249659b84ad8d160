#pragma once
// Large blocks of memory straight from the kernel, on huge pages where it gives them. The heap keeps blocks that were freed between
// others (an index that was encoded anew would cost twice its memory for good); these go back at once. Any thread.

#include <cstddef>

namespace orthant {

inline constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

// At least `bytes` of zeros that start on a huge page; pages that nobody writes cost no memory. Throws std::bad_alloc.
void* map_huge_pages(std::size_t bytes);
// The same for a block that fills from its start: small pages, so that the end of what is in use costs no huge page of which most
// is empty, until back_by_huge_pages() says that they are full.
void* map_growing_pages(std::size_t bytes);
// Of a block of map_growing_pages(): the first `filled` bytes are in use or about to be, of which the first `before` were so before
// this call. Whole huge pages among them become huge. Beside readers and writers of the block; one call at a time.
void back_by_huge_pages(void* memory, std::size_t before, std::size_t filled);
// `bytes` as it was asked for, of either.
void unmap_huge_pages(void* memory, std::size_t bytes);

}  // namespace orthant
