#include "api/dashboard/routes.h"

#include <algorithm>

#include "api/api_context.h"
#include "api/dashboard/assets.h"
#include "api/http/page_response.h"

namespace orthant::dashboard {
namespace {

std::string_view content_type(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".svg")) return "image/svg+xml";
  return "text/javascript; charset=utf-8";
}

Awaitable<Response> serve_file(Request& request) {
  const auto asset = std::ranges::find(assets(), request.path_value("file"), &Asset::name);
  co_return asset == assets().end() ? text_response(404, "") : page_response(request, content_type(asset->name), asset->content);
}

Response plain_error(const Error& error) {
  return text_response(500, error.message);
}

// The page's relative links need the slash that trimming takes from the path: index.html stands under a name of its own.
Handler redirect_to_page() {
  return [](Request&) {
    Response response = text_response(302, "");
    response.headers = {{"Location", "/dashboard/index.html"}};
    return immediate_response(std::move(response));
  };
}

}  // namespace

void add_routes(Router& router) {
  router.add({Method::kGet, "/dashboard", redirect_to_page(), plain_error});
  router.add({Method::kGet, "/dashboard/{file}", serve_file, plain_error});
}

}  // namespace orthant::dashboard
