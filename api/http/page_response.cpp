#include "api/http/page_response.h"

#include <fmt/format.h>

#include "base/digest.h"

namespace orthant {
namespace {

constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

}  // namespace

Response page_response(const Request& request, std::string_view content_type, std::string_view body) {
  const std::string etag = fmt::format("\"{:016x}\"", checksum64(body));
  Response response;
  response.content_type = content_type;
  response.headers = {{"ETag", etag},
                      {"Cache-Control", "no-cache"},
                      {"Content-Security-Policy", kPolicy},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Referrer-Policy", "no-referrer"}};
  if (request.headers.find("if-none-match") == etag) {
    response.status = 304;
  } else {
    response.body = body;
  }
  return response;
}

}  // namespace orthant
