#pragma once
// How to search: `params` of a query, as the dialect writes them. Free functions, any thread; errors name the field.

#include <optional>

#include "api/qdrant/json_fields.h"
#include "base/result.h"
#include "engine/requests.h"

namespace orthant::qdrant {

// Of `body`'s `params`; the defaults where there are none.
Result<SearchParams> parse_params(JsonValue body);

// Of `params.idf`: {"corpus": filter}; nothing for "global", which is all points that have the vector, and where there is none.
Result<std::optional<Filter>> parse_idf(JsonValue body);

}  // namespace orthant::qdrant
