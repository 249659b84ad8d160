#pragma once
// Fusion of ranked lists: one list from several, by ranks or by the distributions of their scores. Pure functions.

#include <cstddef>
#include <span>
#include <vector>

#include "base/result.h"
#include "index/vector_index.h"

namespace orthant {

// A list as a stage gives it, best first.
using RankedList = std::vector<ScoredOrdinal>;

// Reciprocal rank fusion (Cormack, Clarke & Buettcher, SIGIR 2009) in Qdrant's form: a list with weight w gives the row at rank r
// (from 0) 1 / ((r + 1) / w + k - 1), nothing where w <= 0; a row's score is the sum. `weights` is empty (all 1) or has one a list
// (invalid_argument otherwise).
struct RankFusion {
  std::size_t k = 2;
  std::vector<double> weights{};
};
// Best first; equal scores in the order in which the rows first came.
Result<RankedList> fuse_by_rank(std::span<const RankedList> lists, const RankFusion& fusion);

// Distribution-based score fusion: each list's scores are brought to (x - (mean - 3 sd)) / (6 sd), with the sample's standard
// deviation, and summed; 0.5 each in a list of one row or without variance. Order as above.
RankedList fuse_by_distribution(std::span<const RankedList> lists);

}  // namespace orthant
