#pragma once
// Training the centroids of inverted lists: Lloyd's k-means over a sample of the collection's live rows. Rows are compared with the
// centroids through ListCentroids, 1-bit codes first, so that an iteration over 160,000 rows and 5,000 lists takes about a second a
// core where plain products take eight; the sample is kept as ordinals and decoded from its int8 codes again and again, so that
// training needs no memory to speak of. Deterministic for equal rows.

#include <atomic>
#include <cstddef>
#include <memory>

#include "base/thread_pool.h"
#include "index/candidates/list_centroids.h"
#include "index/code_tables.h"

namespace orthant {

struct TrainedLists {
  std::unique_ptr<ListCentroids> centroids;  // null when stopped, or without a live row
  float single_list_residual = 0;            // list_assignment.h: the quantile kSingleListShare of the sample
};

// At most `list_count` lists over the rows [0, row_count).
TrainedLists train_lists(const CodeTables& tables, const DistanceKernels& kernels, std::size_t dim, Ordinal row_count,
                         std::size_t list_count, ThreadPool* pool, const std::atomic<bool>& stop);

}  // namespace orthant
