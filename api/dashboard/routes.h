#pragma once
// The dashboard: pages that the daemon serves from its own binary at /dashboard, without anything from outside. They hold no data;
// what they show they ask for over the API, with the key that the user gives them.

#include "api/http/router.h"

namespace orthant::dashboard {

void add_routes(Router& router);

}  // namespace orthant::dashboard
