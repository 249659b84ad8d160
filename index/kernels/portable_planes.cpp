// The reference for the faster levels.

#include "index/kernels/plane_kernels.h"

namespace orthant {
namespace {

void plane_sums_list(const PlaneQuery& query, const std::uint8_t* const* rows, std::size_t count, std::uint32_t* sums) {
  for (std::size_t row = 0; row < count; ++row) {
    std::uint32_t sum = 0;
    for (std::size_t plane = 0; plane < query.plane_count; ++plane) {
      std::uint32_t differing = 0;
      for (std::size_t i = 0; i < query.words; ++i) {
        std::uint64_t word = 0;
        __builtin_memcpy(&word, rows[row] + i * 8, 8);
        differing += static_cast<std::uint32_t>(__builtin_popcountll(query.planes[plane * query.words + i] ^ word));
      }
      sum += differing << plane;
    }
    sums[row] = sum;
  }
}

}  // namespace

extern const PlaneKernels kPortablePlaneKernels = {.plane_sums_list = plane_sums_list};

}  // namespace orthant
