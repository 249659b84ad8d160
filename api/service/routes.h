#pragma once
// Routes for operators: /, /healthz, /livez, /readyz, /metrics, /telemetry, /models.

#include "api/api_context.h"
#include "api/http/router.h"

namespace orthant::service {

// `context` must outlive the router.
void add_routes(Router& router, const ApiContext& context);

}  // namespace orthant::service
