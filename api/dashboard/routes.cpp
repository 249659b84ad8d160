#include "api/dashboard/routes.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/api_context.h"
#include "api/dashboard/assets.h"
#include "base/digest.h"

namespace orthant::dashboard {
namespace {

// Nothing but what came from here may run or be shown, and no other page may frame it.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

std::string_view content_type(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".svg")) return "image/svg+xml";
  return "text/javascript; charset=utf-8";
}

Response answer_of(const Asset& asset, const Request& request) {
  const std::string etag = fmt::format("\"{:016x}\"", checksum64(asset.content));
  Response response;
  response.content_type = content_type(asset.name);
  response.headers = {{"ETag", etag},
                      {"Cache-Control", "no-cache"},
                      {"Content-Security-Policy", kPolicy},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Referrer-Policy", "no-referrer"}};
  if (request.headers.find("if-none-match") == etag) {
    response.status = 304;
  } else {
    response.body = asset.content;
  }
  return response;
}

Awaitable<Response> serve_file(Request& request) {
  const auto asset = std::ranges::find(assets(), request.path_value("file"), &Asset::name);
  co_return asset == assets().end() ? text_response(404, "") : answer_of(*asset, request);
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
