#pragma once
// Requests for the quality of a collection -> engine values. Errors as in api/json/json_reader.h. Pure functions, any thread.

#include <string>

#include "api/http/message.h"
#include "api/json/json_reader.h"
#include "engine/quality.h"

namespace orthant::quality {

enum class QualityFormat { kJson, kCsv, kSvg };

// ?format=json (default), csv or svg.
Result<QualityFormat> parse_format(const Request& request);

// ?vector=NAME, ?samples=N and ?refresh=true.
Result<CollectionQualityRequest> parse_parameters(const Request& request);

// {"vector", "samples", "refresh", "queries": [{"id", "text", "model"} or {"id", "vector"}, ..],
//  "judgements": {query id: {point id: relevance}}}. Other members are refused. Queries that nothing judges are left out.
Result<CollectionQualityRequest> parse_body(JsonValue body);

}  // namespace orthant::quality
