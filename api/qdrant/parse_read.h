#pragma once
// Bodies of read requests -> engine values: query, search (its older form), scroll, count, retrieve. Parts of Qdrant's API that
// this version lacks are refused by the name of their field. Pure functions, any thread.

#include <vector>

#include "api/json/json_reader.h"
#include "engine/requests.h"

namespace orthant::qdrant {

Result<QueryRequest> parse_query(JsonValue body);
// {"searches": [..]}
Result<std::vector<QueryRequest>> parse_query_batch(JsonValue body);

// POST points/search and /search/batch of older clients: "vector" as a list or {"name", "vector"}, "limit" or "top".
Result<QueryRequest> parse_search(JsonValue body);
Result<std::vector<QueryRequest>> parse_search_batch(JsonValue body);

Result<ScrollRequest> parse_scroll(JsonValue body);
// {"filter", "exact"}: the count is always exact.
Result<std::optional<Filter>> parse_count(JsonValue body);
Result<RetrieveRequest> parse_retrieve(JsonValue body);

}  // namespace orthant::qdrant
