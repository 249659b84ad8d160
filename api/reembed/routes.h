#pragma once
// Re-embedding: GET, POST and DELETE /collections/{collection}/reembed (docs/http_api.md).

#include "api/api_context.h"
#include "api/http/router.h"

namespace orthant::reembed {

// `context` must outlive the router.
void add_routes(Router& router, const ApiContext& context);

}  // namespace orthant::reembed
