#pragma once
// PlaneKernels: weighted sums over the bits of rows that lie anywhere in memory, for searches that follow links and meet rows one
// by one (the blocked scan of distance_kernels.h needs 64 rows side by side). The weights of a query are rounded to integers of a
// few bits and laid out as bit planes: bit i of plane b is bit b of weight i. Then
//
//   sum over planes b of 2^b * popcount(plane b XOR code)
//
// costs an XOR and a population count a plane and a word. With t[b][i] and s[i] the bits as +1 and -1, and D used bits,
// sum of t[b][i] * s[i] is D - 2 * popcount, so the sum is an affine form of sum(weight[i] * s[i]) for weights that are
// sum(2^b * t[b][i]): odd integers. Bits past D are 0 in planes and in codes.
//
// Pure functions, any thread; sums are equal on all levels. This header is included by files compiled for one level: integer
// headers only.

#include <cstddef>
#include <cstdint>

namespace orthant {

inline constexpr std::size_t kMaxPlanes = 8;

struct PlaneQuery {
  const std::uint64_t* planes;  // plane_count x words
  std::size_t words;            // of a code: 64 bits each
  std::size_t plane_count;      // 1 to kMaxPlanes
};

struct PlaneKernels {
  // rows[i] points at the `words` words of a code, 8-byte aligned. Writes count sums.
  void (*plane_sums_list)(const PlaneQuery& query, const std::uint8_t* const* rows, std::size_t count, std::uint32_t* sums);
};

// One table a level, in the file of that level.
extern const PlaneKernels kPortablePlaneKernels;
extern const PlaneKernels kAvx2PlaneKernels;
extern const PlaneKernels kAvx512PlaneKernels;

}  // namespace orthant
