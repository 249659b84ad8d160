#pragma once
// GET /telemetry: what the daemon is and what it has answered, in the shape that a standalone Qdrant node gives.

#include <cstddef>

#include "api/api_context.h"
#include "api/http/grants.h"
#include "api/http/message.h"
#include "api/json/json_writer.h"

namespace orthant::service {

// `context` must outlive the answer.
Awaitable<Response> telemetry(const ApiContext& context, Request& request);

// {"number_of_collections", and from level 1 on "collections"}: those that `grants` (null: all) let see. `engine` may be null.
void write_collections(JsonWriter& json, const Engine* engine, const Grants* grants, std::size_t level);

}  // namespace orthant::service
