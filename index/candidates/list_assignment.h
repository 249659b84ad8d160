#pragma once
// Which lists a row goes into. The first is that of the nearest centroid. The second, after SOAR (Sun et al., "SOAR: Improved
// Indexing for Approximate Nearest Neighbor Search", NeurIPS 2023), is chosen so that its residual r' is not parallel to the first
// residual r: a query whose direction the first list hides (large <q, r>) then finds the row in the second. It minimizes
// |r'|^2 + kParallelPenalty * <r / |r|, r'>^2 among the nearest centroids. Rows with a small residual need no second list.
// Free functions, any thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/candidates/list_centroids.h"

namespace orthant {

inline constexpr std::uint32_t kNoList = 0xffffffff;
inline constexpr std::size_t kListsPerRow = 2;

struct RowLists {
  std::array<std::uint32_t, kListsPerRow> lists = {kNoList, kNoList};
};

// `row`: dim floats. A squared residual of at most `single_list_residual` gives one list only.
RowLists assign_row(const ListCentroids& centroids, std::span<const float> row, float single_list_residual);

// The nearest centroid, and the squared distance to it.
struct NearestCentroid {
  std::uint32_t list = 0;
  float squared_distance = 0;
};
NearestCentroid nearest_centroid(const ListCentroids& centroids, std::span<const float> row);

}  // namespace orthant
