#pragma once
// Bulk ingestion: POST /collections/{collection}/documents, a stream of NDJSON lines, also gzip or zstd.
// or, with the content type of api/qdrant/point_bytes.h, ready vectors as they stand in memory.
//   ?create=true   makes a missing collection with the first model's dimension and cosine
//   ?vector=NAME   the vector that texts go to (default: the unnamed one, or the only one)
//   ?model=NAME    the model that encodes (default: the collection's)

#include "api/api_context.h"
#include "api/http/router.h"

namespace orthant::bulk {

// `context` must outlive the router.
void add_routes(Router& router, const ApiContext& context);

}  // namespace orthant::bulk
