#include "api/routes.h"

#include "api/bulk/routes.h"
#include "api/dashboard/routes.h"
#include "api/inference/routes.h"
#include "api/openai/routes.h"
#include "api/openapi/routes.h"
#include "api/qdrant/routes.h"
#include "api/quality/routes.h"
#include "api/reembed/routes.h"
#include "api/service/access.h"
#include "api/service/routes.h"

namespace orthant {

Router make_router(const ApiContext& context) {
  Router router;
  service::add_routes(router, context);
  qdrant::add_routes(router, context);
  quality::add_routes(router, context);
  reembed::add_routes(router, context);
  bulk::add_routes(router, context);
  openai::add_routes(router, context);
  inference::add_routes(router, context);
  dashboard::add_routes(router);
  openapi::add_routes(router);
  router.set_access(
      [](const Route& route) { return service::access_of(route.method, route.pattern).value_or(RouteAccess::kManage); });
  return router;
}

}  // namespace orthant
