#pragma once
// The routes of the Qdrant dialect. Parts of its API that Orthant lacks are listed too: they answer 501 by name.

#include "api/api_context.h"
#include "api/http/router.h"

namespace orthant::qdrant {

// `context` must outlive the router.
void add_routes(Router& router, const ApiContext& context);

}  // namespace orthant::qdrant
