#pragma once
// RowGeometry: distances between stored rows, for choosing the neighbours of a graph: squared Euclidean distances of int8 codes.
// Under cosine rows are unit vectors, so that the order is that of the dot product. The dot product itself is no distance (a row is
// not its own nearest), and pruning by it tears a graph apart; rows are therefore lifted onto a sphere by one more coordinate,
// sqrt(M - |x|^2) with M the largest squared norm (Bachrach et al. 2014). A query lifted with 0 has there the same order of
// distances as of dot products. When M grows, lists made before keep a little of the old geometry.
//
// One thread; holds the row that distances are taken from, and the rows that they are taken to.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/candidates/graph_rows.h"
#include "index/code_tables.h"
#include "index/int8_rows.h"
#include "index/kernels/distance_kernels.h"

namespace orthant {

class RowGeometry {
 public:
  RowGeometry(const CodeTables& tables, const GraphRows& rows, Metric metric, const DistanceKernels& kernels);

  // Distances are from this row on.
  void take(Ordinal ordinal);
  // Distances are to these rows on. What is asked of a row's tables is asked once here, not for each distance.
  void list(std::span<const Ordinal> ordinals);
  // From the row taken to the rows listed, at least 0; fetches them ahead.
  void distances(float* out);

  // Of rows whose codes are in the caches since distances(): the one listed there is taken; distances to `count` listed from
  // `first` on; the one listed there is listed here from now on.
  void take_listed(std::size_t place) { take(listed_ordinals_[place]); }
  void near_distances(std::size_t first, std::size_t count, float* out);
  void move_listed(std::size_t from, std::size_t to);

  // The coordinate that lifts the row; 0 but for Metric::kDot.
  float lift(Ordinal ordinal) const;

 private:
  // Under cosine without a look at the row's line, which would be one more cache line for each row compared.
  float squared_norm(Ordinal ordinal, float scale) const {
    if (metric_ == Metric::kCosine) return scale == 0 ? 0 : 1;
    return rows_.squared_norm(rows_.line(ordinal));
  }

  // What a distance adds to the dot product of two rows: a term of each, under Metric::kDot the product of the lifts.
  void finish(std::size_t first, std::size_t count, float* out) const;

  const Int8Rows int8_;
  const GraphRows& rows_;
  const Metric metric_;
  const DistanceKernels& kernels_;
  QuantizedQuery taken_;
  std::vector<float> decoded_;  // room
  float squared_norm_ = 0;
  float lift_ = 0;
  std::vector<Ordinal> listed_ordinals_;
  std::vector<const std::uint8_t*> listed_codes_;
  std::vector<float> listed_scales_;
  std::vector<float> listed_norms_;  // squared; lifts under Metric::kDot
  std::vector<std::int32_t> dots_;
};

// A row that may become a neighbour.
struct Neighbour {
  float distance;
  Ordinal ordinal;
};

// Of `candidates`, sorted by distance from one row, chooses at most `degree` into the front and returns their number: a candidate
// is passed over when it is nearer to one already chosen than to the row, by the factor `alpha` (robust pruning of Vamana:
// Subramanya et al. 2019). Equal rows do not displace each other until they fill a quarter of the list.
std::size_t prune(std::span<Neighbour> candidates, std::size_t degree, float alpha, RowGeometry& geometry);

// The standard deviation of the distances between some rows, as searches have distances: squared ones under Metric::kEuclid, else
// negated dot products.
float spread_between(const CodeTables& tables, const GraphRows& rows, Metric metric, const DistanceKernels& kernels,
                     std::span<const Ordinal> ordinals);

}  // namespace orthant
