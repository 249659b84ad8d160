#pragma once
// What a query tree found, read from the store. Private to engine. Free function, any thread.

#include <cstddef>
#include <vector>

#include "base/result.h"
#include "engine/collection/collection_reader.h"
#include "engine/query/run_stage.h"

namespace orthant {

// The rows behind the first `offset`, in their order. A point that was replaced while the query ran, and is there twice, stays by
// its newer row.
Result<std::vector<ScoredPoint>> points_of(const CollectionReader& reader, const RankedRows& ranked, std::size_t offset,
                                           const PayloadSelector& payload, const VectorSelector& vectors);

}  // namespace orthant
