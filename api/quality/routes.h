#pragma once
// Routes that tell how well the searches of a collection do: GET and POST /collections/{collection}/quality.

#include "api/api_context.h"
#include "api/http/router.h"

namespace orthant::quality {

// `context` must outlive the router.
void add_routes(Router& router, const ApiContext& context);

}  // namespace orthant::quality
