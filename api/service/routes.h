#pragma once
// Routes for operators: /, /healthz, /livez, /readyz, /metrics, /telemetry, /models.

#include <string_view>

#include "api/api_context.h"
#include "api/http/router.h"

namespace orthant::service {

// The version of Qdrant's API that is spoken: clients compare it with their own.
inline constexpr std::string_view kQdrantVersion = "1.19.0";

// `context` must outlive the router.
void add_routes(Router& router, const ApiContext& context);

}  // namespace orthant::service
