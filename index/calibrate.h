#pragma once
// Calibration: how deep the stages must go for a target recall, measured on the index's own rows. Rows drawn at random and moved a
// little serve as queries; their ten nearest other rows by floats are the truth. How far these lie behind the tenth true distance
// by the 1-bit estimate and by int8 gives the margins of the stages (rescore_plan.h), and how many other rows lie within the
// margins gives their depths. A margin carries over from rows to users' queries better than a rank does: with margins from 128
// abstracts of SciFact the recall of its claims is that aimed at to .005, with ranks .02 below. Bounded: some 100 queries against
// at most some 100,000 rows, spread over the index. Any thread, beside searches and one writer.

#include <limits>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "index/rescore_plan.h"
#include "index/search_run.h"

namespace orthant {

// One query's coarse distances, as what they exceed the tenth true distance by, relative to the norm of the query.
struct CoarseGaps {
  std::vector<float> neighbors;  // of the true neighbours; kGapUnknown where a neighbour is not among those listed
  std::vector<float> listed;     // of the nearest rows in the coarse order, ascending
};
inline constexpr float kGapUnknown = std::numeric_limits<float>::infinity();

struct QueryGaps {
  CoarseGaps estimate;
  CoarseGaps int8;
};

// Reads the floats of all rows measured once. The result has no entries when there are too few rows to measure. `pool` may be null.
Result<CalibratedDepths> measure_depths(const IndexParts& parts, ThreadPool* pool);

// The smallest margins at which the share of neighbours that pass reaches the target, with something to spare for the sample's
// error, and depths that hold what lies within them for all sampled queries. A first stage that cannot do it, or not cheaper than
// the next, is passed over: estimate, int8, exact. `row_count`: rows measured.
StageDepths choose_depths(std::span<const QueryGaps> queries, double target_recall, std::size_t row_count);

// The same for another first stage before the int8 stage that `depths` has: only the estimates of `queries` count. `depths` as they
// are where these cannot do it.
StageDepths with_first_stage(StageDepths depths, std::span<const QueryGaps> queries, double target_recall, std::size_t row_count);

}  // namespace orthant
