#pragma once
// Routes of models other than embedders: POST /rerank, /v1/rerank and /v2/rerank (the same), POST /embed_sparse.

#include "api/api_context.h"
#include "api/http/router.h"

namespace orthant::inference {

// `context` must outlive the router.
void add_routes(Router& router, const ApiContext& context);

}  // namespace orthant::inference
