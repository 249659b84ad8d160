#include "api/service/access.h"

#include <gtest/gtest.h>

#include "api/api_context.h"
#include "api/routes.h"

namespace orthant::service {
namespace {

// A route that nobody has thought about is for keys that may do everything; that must be a decision, not an oversight.
TEST(Access, IsSaidOfEveryRoute) {
  ApiContext context;
  const Router router = make_router(context);
  EXPECT_GT(router.routes().size(), 40U);
  for (const Route& route : router.routes()) {
    EXPECT_TRUE(access_of(route.method, route.pattern))
        << method_name(route.method) << " " << route.pattern << " needs a row in access.cpp";
  }
}

TEST(Access, WithoutKeyIsForHealthAndPagesOnly) {
  ApiContext context;
  const Router router = make_router(context);
  for (const Route& route : router.routes()) {
    if (route.access != RouteAccess::kFree) continue;
    EXPECT_EQ(route.method, Method::kGet) << route.pattern;
    EXPECT_FALSE(route.pattern.contains("collection")) << route.pattern;
  }
}

}  // namespace
}  // namespace orthant::service
