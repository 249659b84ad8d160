#pragma once
// GET /openapi.json and the page /docs that shows it.

#include "api/http/router.h"

namespace orthant::openapi {

// Call it last: the document holds the routes that the router has by then.
void add_routes(Router& router);

}  // namespace orthant::openapi
