#pragma once
// Making list segments: from rows of the tables, and from segments that follow one another. Free functions of the builder's thread,
// beside searches and the writer.

#include <atomic>
#include <memory>
#include <span>

#include "base/thread_pool.h"
#include "index/candidates/list_segment.h"
#include "index/int8_rows.h"

namespace orthant {

struct ListSpace {
  const IndexConfig& config;
  const CodeTables& tables;
  const Int8Rows int8;  // of the tables
  const DistanceKernels& kernels;
  const ListCentroids& centroids;
  float single_list_residual;
};

// The rows [first, end) of the tables that are not buried. Null when stopped.
std::unique_ptr<ListSegment> build_segment(const ListSpace& space, Ordinal first, Ordinal end, ThreadPool* pool,
                                           const std::atomic<bool>& stop);

// The rows of segments that follow one another, without those buried meanwhile. Null when stopped.
std::unique_ptr<ListSegment> merge_segments(const ListSpace& space, std::span<const ListSegment* const> segments, ThreadPool* pool,
                                            const std::atomic<bool>& stop);

}  // namespace orthant
