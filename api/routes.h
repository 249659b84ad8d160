#pragma once
// The table of everything that orthantd serves.

#include "api/api_context.h"
#include "api/http/router.h"

namespace orthant {

// `context` must outlive the router.
Router make_router(const ApiContext& context);

}  // namespace orthant
