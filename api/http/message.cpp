#include "api/http/message.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

#include "base/ascii_case.h"
#include "base/hex_digit.h"

namespace orthant {
namespace {

constexpr std::size_t kFirstBodyBytes = std::size_t{64} << 10;

Status parse_query(std::string_view text, QueryParameters& query) {
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    auto name = percent_decode(pair.substr(0, equals), true);
    auto value = percent_decode(equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1), true);
    if (!name || !value) return invalid_argument(fmt::format("query parameter '{}' is not percent-encoded correctly", pair));
    query.add(std::move(*name), std::move(*value));
  }
  return {};
}

}  // namespace

std::string_view method_name(Method method) {
  constexpr std::array<std::string_view, 8> kNames = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "OTHER"};
  return kNames[static_cast<std::size_t>(method)];
}

std::string_view Headers::find(std::string_view name) const {
  for (const auto& [key, value] : fields_) {
    if (equal_ignoring_case(key, name)) return value;
  }
  return {};
}

std::optional<std::string_view> QueryParameters::find(std::string_view name) const {
  for (const auto& [key, value] : values_) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::string_view Request::path_value(std::string_view name) const {
  for (const auto& [key, value] : path_values) {
    if (key == name) return value;
  }
  return {};
}

Response text_response(int status, std::string text) {
  Response response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(text);
  return response;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_digit_value(text[i + 1]);
      const int low = hex_digit_value(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return out;
}

Status parse_target(std::string_view target, Request& request) {
  if (!target.starts_with('/')) return invalid_argument("the request target must be an absolute path");
  const std::size_t question = target.find('?');
  std::string_view path = target.substr(0, question);
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  request.path = path;
  request.segments.clear();
  for (std::string_view rest = path.substr(1); !rest.empty();) {
    const std::string_view segment = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), segment.size() + 1));
    // "//collections" is "/collections" for Qdrant; in "/collections//exists" a name is missing, and is told to be.
    if (segment.empty() && request.segments.empty()) continue;
    auto decoded = percent_decode(segment, false);
    if (!decoded || decoded->contains('\0')) {
      return invalid_argument(fmt::format("path part '{}' is not percent-encoded correctly", segment));
    }
    request.segments.push_back(std::move(*decoded));
  }
  if (question == std::string_view::npos) return {};
  return parse_query(target.substr(question + 1), request.query);
}

Awaitable<Result<std::string>> read_whole_body(BodyReader& body, std::size_t max_bytes, std::chrono::milliseconds patience) {
  const auto too_large = [max_bytes] {
    return invalid_argument(fmt::format("the body is larger than allowed (limit: {} bytes)", max_bytes));
  };
  const std::optional<std::uint64_t> announced = body.content_length();
  if (announced && *announced > max_bytes) co_return too_large();
  // Grows with what arrives: an announced length alone takes no memory.
  const std::size_t most = announced ? static_cast<std::size_t>(*announced) : max_bytes + 1;
  std::string bytes(std::min(most, kFirstBodyBytes), '\0');
  std::size_t filled = 0;
  const auto began = std::chrono::steady_clock::now();
  while (filled < most) {
    if (filled == bytes.size()) bytes.resize(std::min(most, bytes.size() * 2));
    Result<std::size_t> count = co_await body.read_some(std::span(bytes).subspan(filled));
    if (!count) co_return std::unexpected(std::move(count).error());
    if (*count == 0) break;
    filled += *count;
    if (std::chrono::steady_clock::now() - began > patience + std::chrono::milliseconds(filled)) {
      co_return fail(ErrorCode::kDeadlineExceeded, "the request's body arrives too slowly");
    }
  }
  if (filled > max_bytes) co_return too_large();
  bytes.resize(filled);
  co_return bytes;
}

}  // namespace orthant
