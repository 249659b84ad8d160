#pragma once
// The walk through a graph that finds the rows near a query (best-first search with a bounded beam: Malkov & Yashunin 2018,
// Subramanya et al. 2019). What differs: rows are compared by their 1-bit codes, so that a row costs one cache line; several rows
// of the beam are expanded together, so that those lines are fetched side by side. Views for the time of one search.

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
  // Rows to compare: of each the ordinal, the line, the kernel's sum, the distance and its bucket; `near`: which may be kept.
  std::vector<Ordinal> batch;
  std::vector<const std::uint8_t*> lines;
  std::vector<std::uint32_t> sums;
  std::vector<float> distances;
  std::vector<std::uint32_t> buckets;
  std::vector<std::uint32_t> near;
  // Rows outside the mask that were met but are only passed through.
  std::vector<Ordinal> outside;
  std::size_t expanded = 0;

  void make_room(std::size_t rows) {
    if (lines.size() >= rows) return;
    batch.resize(rows + 1);
    lines.resize(rows);
    sums.resize(rows);
    distances.resize(rows);
    buckets.resize(rows);
    near.resize(rows + 1);
  }
};
// This thread's. Belongs to no graph: every search leaves it as the next one needs it.
GraphScratch& graph_scratch();

// Fills the first `count` of scratch.distances for those of scratch.lines.
void estimate_lines(const GraphRows& rows, const PlaneKernels& kernels, const RowEstimate& estimate, std::size_t count,
                    GraphScratch& scratch);

class GraphSearch {
 public:
  GraphSearch(const GraphRows& rows, const PlaneKernels& kernels, const RowEstimate& estimate, GraphScratch& scratch)
      : rows_(rows), kernels_(kernels), estimate_(estimate), scratch_(scratch) {}

  // Leaves the nearest rows that it met in scratch.frontier, which keeps what the bounds say. Rows from `end` on do not exist for it. Calls
  // met(ordinal, distance) for every row compared. With a mask it compares (starts apart) only rows of the mask, and goes through
  // the others to their neighbours: each row expanded is then to bring about as many rows of the mask as a list would, so that the
  // walk stays whole where few are in the mask (the idea of ACORN: Patel et al. 2024).
  template <typename Met>
  void run(const GraphStarts& starts, Ordinal end, const FrontierBounds& bounds, const RowMask* mask, Met&& met) {
    mask_ = mask;
    scratch_.visited.start(end);
    scratch_.frontier.start(bounds, starts.low, starts.high);
    scratch_.expanded = 0;
    scratch_.make_room(std::max(starts.ordinals.size(), 2 * kTogether * rows_.degree()));
    end_ = end;
    count_ = 0;
    for (Ordinal start : starts.ordinals) {
      if (start < end) add(start);
    }
    fetch_lines(0);
    compare(met);
    choose_next();
    while (chosen_count_ > 0) {
      collect();
      choose_next();
      compare(met);
      if (chosen_count_ == 0) choose_next();
    }
  }

 private:
  // Rows expanded at once.
  static constexpr std::size_t kTogether = 3;

  // No jump depends on what was met before: it would be guessed wrongly half of the time.
  void add(Ordinal ordinal) {
    scratch_.batch[count_] = ordinal;
    count_ += scratch_.visited.add(ordinal) ? 1 : 0;
  }
  void fetch_lines(std::size_t first) {
    for (std::size_t i = first; i < count_; ++i) {
      scratch_.lines[i] = rows_.line(scratch_.batch[i]);
      __builtin_prefetch(scratch_.lines[i]);
    }
  }

  // The rows to expand next; their lists are on the way when this returns.
  void choose_next() {
    for (chosen_count_ = 0; chosen_count_ < kTogether; ++chosen_count_) {
      const Ordinal ordinal = scratch_.frontier.expand_next();
      if (ordinal == kNoOrdinal) break;
      chosen_[chosen_count_] = ordinal;
      prefetch_list(ordinal);
    }
  }
  // Puts their unmet neighbours into the batch, whose lines are then on the way.
  void collect() {
    count_ = 0;
    for (std::size_t i = 0; i < chosen_count_; ++i) expand(chosen_[i]);
  }
  void expand(Ordinal ordinal) {
    ++scratch_.expanded;
    const std::size_t first = count_;
    if (mask_ == nullptr) {
      add_list(ordinal);
    } else {
      add_list_of_mask(ordinal);
    }
    fetch_lines(first);
  }
  void add_list(Ordinal ordinal) {
    std::uint32_t* slots = rows_.slots(ordinal);
    for (std::size_t i = 0; i < rows_.degree(); ++i) {
      const Ordinal neighbour = GraphRows::slot(slots, i);
      if (neighbour == kNoOrdinal) break;
      if (neighbour < end_) add(neighbour);
    }
  }
  void add_list_of_mask(Ordinal ordinal);
  void prefetch_list(Ordinal ordinal) const {
    const std::uint32_t* slots = rows_.slots(ordinal);
    for (std::size_t i = 0; i < rows_.degree(); i += 16) __builtin_prefetch(slots + i);
  }

  template <typename Met>
  void compare(Met&& met) {
    scratch_.visited.remember(scratch_.batch.data(), count_);
    estimate_lines(rows_, kernels_, estimate_, count_, scratch_);
    Frontier& frontier = scratch_.frontier;
    const std::uint32_t bound = frontier.bound();
    std::size_t near = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      const std::uint32_t bucket = frontier.bucket_of(scratch_.distances[i]);
      scratch_.buckets[i] = bucket;
      scratch_.near[near] = static_cast<std::uint32_t>(i);
      near += bucket < bound ? 1 : 0;
    }
    for (std::size_t i = 0; i < count_; ++i) met(scratch_.batch[i], scratch_.distances[i]);
    for (std::size_t i = 0; i < near; ++i) {
      const std::size_t at = scratch_.near[i];
      if (scratch_.buckets[at] < frontier.bound())
        frontier.insert(scratch_.distances[at], scratch_.buckets[at], scratch_.batch[at]);
    }
  }

  const GraphRows& rows_;
  const PlaneKernels& kernels_;
  const RowEstimate& estimate_;
  GraphScratch& scratch_;
  Ordinal end_ = 0;
  const RowMask* mask_ = nullptr;
  std::size_t count_ = 0;  // rows in the batch
  std::array<Ordinal, kTogether> chosen_;
  std::size_t chosen_count_ = 0;
};

}  // namespace orthant
