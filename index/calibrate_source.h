#pragma once
// Calibration of a candidate source: the smallest effort with which searches reach each target. Measured end to end on queries made
// from the index's own rows (sampled_queries.h) against a scan that finds all but one in a thousand of the true neighbours
// (measure_depths() found its depths against exact float search), so that the measurement costs some hundred scans, not some
// hundred exact searches. Any thread, beside searches, one writer and one builder.

#include "base/thread_pool.h"
#include "index/rescore_plan.h"
#include "index/search_run.h"

namespace orthant {

// Sets covered_count, and the source plan of every entry whose target the source reaches; efforts that cost more than a scan
// are not tried unless the structure was asked for. `pool` may be null. parts.source is not null.
Status measure_source(const IndexParts& parts, CalibratedDepths& depths, ThreadPool* pool);

}  // namespace orthant
