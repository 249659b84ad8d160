#include "api/openapi/routes.h"

#include "api/api_context.h"
#include "api/http/page_response.h"
#include "api/openapi/assets.h"
#include "api/openapi/document.h"

namespace orthant::openapi {
namespace {

Handler fixed_answer(std::string_view content_type, std::string body) {
  return [content_type, body = std::move(body)](Request& request) {
    return immediate_response(page_response(request, content_type, body));
  };
}

Awaitable<Response> serve_file(Request& request) {
  const std::string_view file = request.path_value("file");
  if (file == "docs.css") co_return page_response(request, "text/css; charset=utf-8", kPageStyle);
  if (file == "docs.js") co_return page_response(request, "text/javascript; charset=utf-8", kPageScript);
  co_return text_response(404, "");
}

Response plain_error(const Error& error) {
  return text_response(500, error.message);
}

}  // namespace

void add_routes(Router& router) {
  const auto add = [&](const char* path, std::string_view type, std::string body) {
    router.add({Method::kGet, path, fixed_answer(type, std::move(body)), plain_error});
  };
  add("/openapi.json", "application/json", make_document(router, ORTHANT_VERSION));
  add("/docs", "text/html; charset=utf-8", std::string(kPage));
  router.add({Method::kGet, "/docs/{file}", serve_file, plain_error});
}

}  // namespace orthant::openapi
