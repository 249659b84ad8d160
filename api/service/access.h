#pragma once
// Which key each route asks for: the one table of it. A pure function, any thread.

#include <optional>
#include <string_view>

#include "api/http/router.h"

namespace orthant::service {

// Nothing for routes that the table does not know: they are for keys that may do everything.
std::optional<RouteAccess> access_of(Method method, std::string_view pattern);

}  // namespace orthant::service
