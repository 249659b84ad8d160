#include "api/http/cors.h"

#include <algorithm>

#include "api/http/request_id.h"

namespace orthant {

void Cors::add_headers(const Request& request, Response& response) const {
  if (origins_.empty()) return;
  const std::string_view origin = request.headers.find("origin");
  if (origin.empty()) return;
  const bool all = std::ranges::find(origins_, "*") != origins_.end();
  // A cache must not give one page the answer for another.
  if (!all) response.headers.emplace_back("Vary", "Origin");
  if (!all && std::ranges::find(origins_, origin) == origins_.end()) return;
  response.headers.emplace_back("Access-Control-Allow-Origin", all ? "*" : origin);
  response.headers.emplace_back("Access-Control-Expose-Headers", kRequestIdHeader);
}

Response Cors::answer_options() const {
  Response response = text_response(204, "");
  if (origins_.empty()) return response;
  // "*" does not include Authorization.
  response.headers = {{"Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"},
                      {"Access-Control-Allow-Headers", "*, Authorization"},
                      {"Access-Control-Max-Age", "86400"}};
  return response;
}

}  // namespace orthant
