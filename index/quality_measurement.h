#pragma once
// How VectorIndex makes a QualityMeasurement of itself. Private to index.

#include <memory>

#include "index/index_source.h"
#include "index/quality.h"
#include "index/rescore_plan.h"
#include "index/search_run.h"

namespace orthant {

// `parts`, `source` and `depths` are those of `index`. invalid_argument when given queries are no rows of dim finite values, or too
// many for kGivenComparisons.
Result<std::unique_ptr<QualityMeasurement>> start_quality_measurement(const VectorIndex& index, const IndexParts& parts,
                                                                      const IndexSource& source, const CalibratedDepths& depths,
                                                                      std::optional<std::size_t> trained_rows,
                                                                      QualityRequest request);

}  // namespace orthant
