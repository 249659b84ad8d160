#pragma once
// Routes of OpenAI's embeddings API: POST /v1/embeddings, GET /v1/models, GET /v1/models/{model}.

#include "api/api_context.h"
#include "api/http/router.h"

namespace orthant::openai {

// `context` must outlive the router.
void add_routes(Router& router, const ApiContext& context);

}  // namespace orthant::openai
