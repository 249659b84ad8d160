#pragma once
// The walk through a graph that finds the rows near a query (best-first search with a bounded beam: Malkov & Yashunin 2018,
// Subramanya et al. 2019). What differs: rows are compared by their 1-bit codes, so that a row costs one cache line; the lines
// of one list are fetched while those of the list before are compared. Views for the time of one search.

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "index/candidates/bit_planes.h"
#include "index/candidates/frontier.h"
#include "index/candidates/graph_rows.h"
#include "index/kernels/distance_kernels.h"
#include "index/kernels/plane_kernels.h"
#include "index/row_mask.h"

namespace orthant {

// The estimated distance of a query to rows: scale(row) * sum of signed weights + constant, plus what the metric adds a row.
struct RowEstimate {
  enum class Added {
    kNothing,
    kSquaredNorm,  // Metric::kEuclid
    kLift,         // Metric::kDot while building: - lift * lift(row), see RowGeometry
  };
  PlaneQuery planes;
  float slope = 0;  // of the kernel's sum, per unit of scale
  float base = 0;   // per unit of scale
  float reach = 0;  // per unit of scale: the signed weights add up to no more, nor to less than its negation
  float constant = 0;
  Added added = Added::kNothing;
  float lift = 0;
  float largest_squared_norm = 0;
};

// `metric_slope`: 2 for squared Euclidean distances, which hold twice the dot product, else 1. Refers to `planes`.
RowEstimate make_row_estimate(const BitPlanes& planes, float metric_slope, float constant, RowEstimate::Added added);

// Where walks begin, and between which distances the rows to come probably lie.
struct GraphStarts {
  std::vector<Ordinal> ordinals;
  float low = 0;
  float high = 0;
  float spread = 0;  // the standard deviation of the distances between rows in general
};

// What a search needs of memory; reused from search to search by one thread.
struct GraphScratch {
  Frontier frontier;
  VisitedRows visited;
  GraphStarts starts;
  std::vector<Candidate> candidates;
  // Rows to compare: one batch is on its way from memory while the one before is compared.
  struct Batch {
    std::vector<Ordinal> ordinals;
    std::vector<const std::uint8_t*> lines;
    std::size_t count = 0;
  };
  std::array<Batch, 2> batches;
  // Of each row that is compared the kernel's sum, the distance and its bucket; `near`: which may be kept.
  std::vector<std::uint32_t> sums;
  std::vector<float> distances;
  std::vector<std::uint32_t> buckets;
  std::vector<std::uint32_t> near;
  // Rows outside the mask that were met but are only passed through.
  std::vector<Ordinal> outside;
  std::size_t expanded = 0;

  void make_room(std::size_t rows) {
    if (sums.size() >= rows) return;
    for (Batch& batch : batches) {
      batch.ordinals.resize(rows + 1);
      batch.lines.resize(rows);
    }
    sums.resize(rows);
    distances.resize(rows);
    buckets.resize(rows);
    near.resize(rows + 1);
  }
};
// This thread's. Belongs to no graph: every search leaves it as the next one needs it.
GraphScratch& graph_scratch();

// Fills the first `count` of scratch.distances.
void estimate_lines(const GraphRows& rows, const PlaneKernels& kernels, const RowEstimate& estimate,
                    const std::uint8_t* const* lines, std::size_t count, GraphScratch& scratch);

class GraphSearch {
 public:
  GraphSearch(const GraphRows& rows, const PlaneKernels& kernels, const RowEstimate& estimate, GraphScratch& scratch)
      : rows_(rows), kernels_(kernels), estimate_(estimate), scratch_(scratch) {}

  // Leaves the nearest rows that it met in scratch.frontier, which keeps what the bounds say. Rows from `end` on do not exist for
  // it. Calls met(ordinal, distance) for every row compared. With a mask it compares (starts apart) only rows of the mask, and goes
  // through the others to their neighbours: each row expanded is then to bring about as many rows of the mask as a list would, so
  // that the walk stays whole where few are in the mask (the idea of ACORN: Patel et al. 2024).
  template <typename Met>
  void run(const GraphStarts& starts, Ordinal end, const FrontierBounds& bounds, const RowMask* mask, Met&& met) {
    mask_ = mask;
    scratch_.visited.start(end);
    scratch_.frontier.start(bounds, starts.low, starts.high);
    scratch_.expanded = 0;
    scratch_.make_room(std::max(starts.ordinals.size(), 2 * rows_.degree()));
    end_ = end;
    filling_ = &scratch_.batches[0];
    waiting_ = &scratch_.batches[1];
    filling_->count = 0;
    waiting_->count = 0;
    for (Ordinal start : starts.ordinals) {
      if (start < end) add(start);
    }
    fetch_lines();
    compare(*filling_, met);
    choose_next();
    while (next_ != kNoOrdinal) {
      filling_->count = 0;
      expand(next_);
      choose_next();
      compare(*waiting_, met);
      std::swap(filling_, waiting_);
      if (next_ != kNoOrdinal) continue;
      compare(*waiting_, met);
      waiting_->count = 0;
      choose_next();
    }
  }

 private:
  // No jump depends on what was met before: it would be guessed wrongly half of the time.
  void add(Ordinal ordinal) {
    filling_->ordinals[filling_->count] = ordinal;
    filling_->count += scratch_.visited.add(ordinal) ? 1 : 0;
  }
  void fetch_lines() {
    for (std::size_t i = 0; i < filling_->count; ++i) {
      filling_->lines[i] = rows_.line(filling_->ordinals[i]);
      fetch(filling_->lines[i]);
    }
  }

  // The row to expand next; its list is on the way when this returns.
  void choose_next() {
    next_ = scratch_.frontier.expand_next();
    if (next_ != kNoOrdinal) rows_.fetch_list(next_);
  }
  // Puts its unmet neighbours into a batch, whose lines are then on the way.
  void expand(Ordinal ordinal) {
    ++scratch_.expanded;
    if (mask_ == nullptr) {
      add_list(ordinal);
    } else {
      add_list_of_mask(ordinal);
    }
    fetch_lines();
  }
  void add_list(Ordinal ordinal) {
    rows_.visit_list(ordinal, [this](Ordinal neighbour) {
      if (neighbour < end_) add(neighbour);
      return true;
    });
  }
  void add_list_of_mask(Ordinal ordinal);
  // Into the second-level cache: some two dozen lines may be on their way to the first at a time, and a list has more.
  static void fetch(const void* line) { __builtin_prefetch(line, 0, 2); }

  template <typename Met>
  void compare(const GraphScratch::Batch& batch, Met&& met) {
    const std::size_t count = batch.count;
    scratch_.visited.remember(batch.ordinals.data(), count);
    estimate_lines(rows_, kernels_, estimate_, batch.lines.data(), count, scratch_);
    Frontier& frontier = scratch_.frontier;
    const std::uint32_t bound = frontier.bound();
    std::size_t near = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t bucket = frontier.bucket_of(scratch_.distances[i]);
      scratch_.buckets[i] = bucket;
      scratch_.near[near] = static_cast<std::uint32_t>(i);
      near += bucket < bound ? 1 : 0;
    }
    for (std::size_t i = 0; i < count; ++i) met(batch.ordinals[i], scratch_.distances[i]);
    for (std::size_t i = 0; i < near; ++i) {
      const std::size_t at = scratch_.near[i];
      if (scratch_.buckets[at] < frontier.bound())
        frontier.insert(scratch_.distances[at], scratch_.buckets[at], batch.ordinals[at]);
    }
  }

  const GraphRows& rows_;
  const PlaneKernels& kernels_;
  const RowEstimate& estimate_;
  GraphScratch& scratch_;
  Ordinal end_ = 0;
  const RowMask* mask_ = nullptr;
  GraphScratch::Batch* filling_ = nullptr;
  GraphScratch::Batch* waiting_ = nullptr;  // its lines are on the way
  Ordinal next_ = kNoOrdinal;
};

}  // namespace orthant
