#pragma once
// Calibration: how deep the stages must go for a target recall, measured on the index's own rows. Rows drawn at random and moved
// a little serve as queries; their ten nearest other rows by floats are the truth; the ranks of these in the order of the 1-bit
// estimate and of int8 give the depths. Bounded: some 100 queries against at most some 100,000 rows, spread over the index. Any
// thread, beside searches and one writer.

#include "base/thread_pool.h"
#include "index/rescore_plan.h"
#include "index/search_run.h"

namespace orthant {

// Where one true neighbour of a query stands in the coarse orders, from 1. Not among those looked at: kRankUnknown.
struct NeighborRanks {
  std::uint32_t estimate = 0;
  std::uint32_t int8 = 0;
};
inline constexpr std::uint32_t kRankUnknown = 0xffffffff;

// Reads the floats of all rows measured once. The result has no entries when there are too few rows to measure. `pool` may be null.
Result<CalibratedDepths> measure_depths(const IndexParts& parts, ThreadPool* pool);

// The smallest depths at which the share of neighbours that pass reaches the target, with a margin for the sample. A first stage
// that cannot do it, or not cheaper than the next, is passed over: estimate, int8, exact. `row_count`: rows measured.
StageDepths choose_depths(std::span<const NeighborRanks> ranks, double target_recall, std::size_t row_count);

}  // namespace orthant
