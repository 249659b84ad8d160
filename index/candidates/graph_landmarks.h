#pragma once
// GraphLandmarks: rows spread over a graph, whose lines lie side by side. A search scans them all and walks from the nearest: what
// the upper layers of HNSW are for, in one pass over some kilobytes.
//
// Threads: choose() by the builder; find() from any thread. A set once published is never changed, and sets that were replaced
// stay until the end, since searches may still read them: each is larger than the one before by a fixed factor, so all of them
// together stay small.

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "base/aligned_array.h"
#include "index/candidates/graph_search.h"

namespace orthant {

class GraphLandmarks {
 public:
  explicit GraphLandmarks(Metric metric) : metric_(metric) {}

  // Takes rows below `end` that are linked evenly; while none is, rows that are not buried.
  void choose(const GraphRows& rows, const CodeTables& tables, Ordinal end);
  // The covered rows at which the set should be chosen anew; 0 while it is empty.
  Ordinal next_choice() const { return next_choice_; }

  // Fills scratch.starts with the nearest of them, and with the nearest of the mask where one is given; no ordinals when there are
  // no rows.
  void find(const GraphRows& rows, const PlaneKernels& kernels, const RowEstimate& estimate, const RowMask* mask,
            GraphScratch& scratch) const;

  // Any thread.
  std::size_t memory_bytes() const { return memory_bytes_.load(std::memory_order_relaxed); }

 private:
  struct Set {
    std::vector<Ordinal> ordinals;
    AlignedArray<std::uint8_t> lines;
    float spread = 0;  // the standard deviation of the distances between them
  };

  const Metric metric_;
  std::vector<std::unique_ptr<const Set>> sets_;  // the builder's
  Ordinal next_choice_ = 0;                       // the builder's
  std::atomic<const Set*> current_{nullptr};      // published with release once filled
  std::atomic<std::size_t> memory_bytes_{0};      // of all sets
};

}  // namespace orthant
