#pragma once
// The query language of request bodies -> query trees (engine/query/query_tree.h): POST points/query with its groups, and the older
// search, recommend and discover. Errors as in api/json/json_reader.h, with the texts that Qdrant's users know. Pure functions, any
// thread.

#include <vector>

#include "api/json/json_reader.h"
#include "engine/requests.h"

namespace orthant::qdrant {

Result<QueryRequest> parse_query(JsonValue body);
Result<GroupsRequest> parse_query_groups(JsonValue body);

// POST points/search of older clients: "vector" as a list or {"name", "vector"}, "limit" or "top".
Result<QueryRequest> parse_search(JsonValue body);
Result<GroupsRequest> parse_search_groups(JsonValue body);
// POST points/recommend: "positive", "negative", "strategy" beside the options of a query.
Result<QueryRequest> parse_recommend(JsonValue body);
Result<GroupsRequest> parse_recommend_groups(JsonValue body);
// POST points/discover: "target" and "context", either may be absent.
Result<QueryRequest> parse_discover(JsonValue body);

// {"searches": [..]} of any of them.
using ParseQuery = Result<QueryRequest> (*)(JsonValue body);
Result<std::vector<QueryRequest>> parse_batch(JsonValue body, ParseQuery parse);

// "key", or {"key", "direction", "start_from"}.
Result<OrderBy> parse_order_by(JsonValue value);

}  // namespace orthant::qdrant
