#pragma once
// GET /telemetry: what the daemon is and what it has answered, in the shape that a standalone Qdrant node gives.

#include "api/api_context.h"
#include "api/http/message.h"

namespace orthant::service {

// `context` must outlive the answer.
Awaitable<Response> telemetry(const ApiContext& context, Request& request);

}  // namespace orthant::service
