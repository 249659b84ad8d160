#include "api/http/response_head.h"

#include <cstdint>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

#include <boost/beast/http/status.hpp>

namespace orthant {

bool has_no_body(int status) {
  return status / 100 == 1 || status == 204 || status == 304;
}

std::string render_head(const Response& response, bool keep_alive) {
  std::string head;
  head.reserve(256);
  const boost::beast::string_view reason =
      boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(response.status));
  fmt::format_to(std::back_inserter(head), "HTTP/1.1 {} {}\r\n", response.status, std::string_view(reason.data(), reason.size()));
  if (!has_no_body(response.status)) {
    const std::uint64_t size = response.source ? response.source->size() : response.body.size();
    if (size > 0) fmt::format_to(std::back_inserter(head), "Content-Type: {}\r\n", response.content_type);
    fmt::format_to(std::back_inserter(head), "Content-Length: {}\r\n", size);
  }
  for (const auto& [name, value] : response.headers) fmt::format_to(std::back_inserter(head), "{}: {}\r\n", name, value);
  head += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
  return head;
}

}  // namespace orthant
