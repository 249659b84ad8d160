#pragma once
// FlatScan: the candidates of one query by looking at every row that its mask lets through, over one of the representations. Gives
// the nearest `depth` rows in no order; of equal distances the lower ordinals. Distances are lower-is-nearer in the space that
// each function names. A view for the time of one search; any number may run at once.

#include <cstddef>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "index/code_tables.h"
#include "index/kernels/distance_kernels.h"
#include "index/prepared_query.h"
#include "index/row_mask.h"

namespace orthant {

class FlatScan {
 public:
  // `pool` may be null: threads that help with large scans of 1-bit codes (table_scan.h).
  FlatScan(const CodeTables& tables, const DistanceKernels& kernels, const RowMask& mask, const PreparedQuery& query,
           ThreadPool* pool = nullptr)
      : tables_(tables), kernels_(kernels), mask_(mask), query_(query), pool_(pool) {}

  // The quantizer's estimate of the metric's distance (negated dot product, or squared Euclidean distance); the nearest `leading`
  // come first.
  std::vector<Candidate> estimates(std::size_t depth, std::size_t leading = 0) const;
  // Differing bits, blocked codes.
  std::vector<Candidate> hamming(std::size_t depth) const;
  // Differing bits, row-major codes that users brought.
  std::vector<Candidate> row_major_hamming(std::size_t depth) const;
  // The metric's distance over int8 codes on both sides; Metric::kManhattan takes the floats of the query.
  std::vector<Candidate> int8(std::size_t depth) const;
  // The metric's distance over resident floats.
  std::vector<Candidate> floats(const RowColumn& rows, std::size_t depth) const;

 private:
  template <typename Distances>
  std::vector<Candidate> scan_rows(std::size_t depth, const Distances& distances) const;

  const CodeTables& tables_;
  const DistanceKernels& kernels_;
  const RowMask& mask_;
  const PreparedQuery& query_;
  ThreadPool* pool_;
};

// FlatScan::estimates() of several queries in one pass over the codes.
std::vector<std::vector<Candidate>> estimates_of_all(const CodeTables& tables, const DistanceKernels& kernels, const RowMask& mask,
                                                     std::span<const PreparedQuery> queries, std::size_t depth, std::size_t leading,
                                                     ThreadPool* pool);

}  // namespace orthant
