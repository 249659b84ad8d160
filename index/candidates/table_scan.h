#pragma once
// TableScan: the nearest rows of one or several queries by the sums of their look-up tables (kernels/distance_kernels.h): one pass
// over the blocked codes serves all queries, since codes that one query brought into the cache are there for the others. Where
// threads are free, a large scan is shared out among them; results do not depend on it. A view for the time of one search.
//
// The scan begins with a bound guessed from a sample of the blocks, so that few rows are looked at that do not end up among the
// nearest; should it turn out too low, which is rare, the scan is done again without it.

#include <cstddef>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "index/code_tables.h"
#include "index/kernels/distance_kernels.h"
#include "index/row_mask.h"

namespace orthant {

// What the rows are scanned for. With `scales` null, distances are the sums as they stand; see BlockScan.
struct TableQuery {
  BlockScan scan;  // bound, scales and offsets are filled in
  std::size_t largest_sum = 0;
  const RowColumn* scales = nullptr;
  const RowColumn* offsets = nullptr;
};

class TableScan {
 public:
  // `pool` may be null. It is asked to help with large scans while its queue is empty.
  TableScan(const CodeTables& tables, const DistanceKernels& kernels, const RowMask& mask, ThreadPool* pool)
      : tables_(tables), kernels_(kernels), mask_(mask), pool_(pool) {}

  // For each query the nearest `depth` rows of the mask, the nearest `leading` of them first, otherwise in no order; of equal
  // distances the lower ordinals. Either all queries have scales or none has.
  std::vector<std::vector<Candidate>> nearest(std::span<const TableQuery> queries, std::size_t depth,
                                              std::size_t leading = 0) const;

 private:
  template <typename Nearest>
  struct Lane;
  using Found = std::vector<std::vector<Candidate>>;
  struct Depths {
    std::size_t depth;
    std::size_t leading;
  };

  template <typename Nearest>
  Found nearest_with(std::span<const TableQuery> queries, Depths depths) const;
  template <typename Nearest>
  std::vector<float> guess_bounds(std::span<const TableQuery> queries, std::size_t depth) const;
  template <typename Nearest>
  Found scan(std::span<const TableQuery> queries, Depths depths, std::span<const float> bounds) const;
  template <typename Nearest>
  Found scan_on_threads(std::span<const TableQuery> queries, Depths depths, std::span<const float> bounds) const;
  template <typename Nearest>
  void scan_range(std::vector<Lane<Nearest>>& lanes, std::size_t first_block, std::size_t end_block) const;
  template <typename Nearest>
  void scan_open_block(std::vector<Lane<Nearest>>& lanes) const;

  const CodeTables& tables_;
  const DistanceKernels& kernels_;
  const RowMask& mask_;
  ThreadPool* pool_;
};

}  // namespace orthant
