#pragma once
// ListScan: the nearest rows of some inverted lists for one query. Lists are scanned as table sums; only rows whose sum could still
// pass, were their factors the best of the list, are looked at one by one. A view for the time of one search.

#include <array>
#include <cstdint>
#include <vector>

#include "index/candidates/bucket_collector.h"
#include "index/candidates/list_segment.h"
#include "index/look_up_tables.h"
#include "index/row_mask.h"

namespace orthant {

class ListScan {
 public:
  // `tables`: of the negated query (residual_code.h). All outlive the scan.
  ListScan(const LookUpTables& tables, const DistanceKernels& kernels, const RowMask& mask, std::size_t depth)
      : tables_(tables), kernels_(kernels), mask_(mask), depth_(depth), nearest_(kListsPerRow * depth) {}

  // `constant`: what the list's centroid adds to the distances of all its rows.
  void add(const ListSegment& segment, std::uint32_t list, float constant);

  std::size_t compared() const { return compared_; }
  // The nearest `depth` rows, each once, in no order. The scan is empty afterwards.
  std::vector<Candidate> take();

 private:
  static constexpr std::size_t kRunBlocks = 8;

  float sum_bound(const ListExtent& where, float constant) const;
  void offer(const ListSegment& segment, const ListExtent& where, float constant, std::size_t first_entry, std::size_t found);

  const LookUpTables& tables_;
  const DistanceKernels& kernels_;
  const RowMask& mask_;
  const std::size_t depth_;
  BucketCollector nearest_;  // rows may be in it once a copy
  std::size_t compared_ = 0;
  std::array<Candidate, kRunBlocks * kBlockRows> found_;
};

// Asks for the first lines of a list that is scanned soon.
void prefetch_list(const ListSegment& segment, std::uint32_t list);

}  // namespace orthant
