#pragma once
// The OpenAPI 3.1 document of the daemon, made from the route table: every route of the router becomes an operation. What the table
// does not know (summary, bodies, answers) stands in assets/operations.json by "METHOD pattern", and the schemas that it names in
// assets/schemas.json. Pure functions.

#include <string>
#include <vector>

#include "api/http/router.h"

namespace orthant::openapi {

// JSON. Routes without a description get their path and a free answer.
std::string make_document(const Router& router, std::string_view version);

// "METHOD pattern" of routes that nothing describes, and of descriptions that no route has. Both are empty: a test sees to it.
std::vector<std::string> undescribed_routes(const Router& router);
std::vector<std::string> unrouted_descriptions(const Router& router);

}  // namespace orthant::openapi
