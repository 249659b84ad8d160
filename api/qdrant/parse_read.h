#pragma once
// Bodies of read requests other than queries (parse_query.h) -> engine values. Pure functions, any thread.

#include <vector>

#include "api/json/json_reader.h"
#include "engine/requests.h"

namespace orthant::qdrant {

Result<ScrollRequest> parse_scroll(JsonValue body);
// {"filter", "exact"}: the count is always exact.
Result<std::optional<Filter>> parse_count(JsonValue body);
Result<RetrieveRequest> parse_retrieve(JsonValue body);
Result<FacetRequest> parse_facet(JsonValue body);
// {"filter", "sample", "limit", "using"}
Result<MatrixRequest> parse_matrix(JsonValue body);

}  // namespace orthant::qdrant
