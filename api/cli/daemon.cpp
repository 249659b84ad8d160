#include "api/cli/daemon.h"

#include <cstdlib>
#include <utility>

#include <fmt/format.h>

namespace orthant {
namespace {

ErrorCode code_of(int status) {
  switch (status) {
    case 404: return ErrorCode::kNotFound;
    case 409: return ErrorCode::kAlreadyExists;
    case 408: return ErrorCode::kDeadlineExceeded;
    case 429: return ErrorCode::kResourceExhausted;
    case 503: return ErrorCode::kUnavailable;
    default: return status < 500 ? ErrorCode::kInvalidArgument : ErrorCode::kInternal;
  }
}

// The daemon's own words: {"status": {"error": "..."}}, or the body as it is.
std::string words_of(const HttpReply& reply) {
  if (auto json = JsonDocument::parse(reply.body)) {
    if (const auto status = json->root().find("status")) {
      if (const auto error = status->find("error")) return error->as_string().value_or(reply.body);
    }
  }
  return reply.body.empty() ? fmt::format("HTTP {}", reply.status) : reply.body;
}

}  // namespace

Daemon::Daemon(std::string url, HttpClient client) : url_(std::move(url)), client_(std::move(client)) {}

Result<Daemon> Daemon::at(std::string_view url) {
  HttpClientOptions options;
  // Not by a flag: command lines are read by others.
  if (const char* key = std::getenv("ORTHANT_API_KEY"); key != nullptr && *key != '\0')
    options.headers.emplace_back("api-key", key);
  if (const char* file = std::getenv("ORTHANT_CA_FILE"); file != nullptr) options.ca_file = file;
  return Daemon(std::string(url), ORTHANT_TRY(HttpClient::create(url, std::move(options))));
}

Result<HttpReply> Daemon::get_text(std::string_view target) {
  return client_.send("GET", target);
}

Result<HttpReply> Daemon::call_raw(std::string_view method, std::string_view target, std::string_view body,
                                   std::string_view content_type, std::string_view accept) {
  HttpHeaderList headers;
  if (!accept.empty()) headers.emplace_back("accept", accept);
  auto reply = client_.send(method, target, body, content_type, headers);
  if (!reply && reply.error().code == ErrorCode::kUnavailable) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("{}: {}; is the daemon running? `orthant serve` starts it", url_, reply.error().message));
  }
  if (!reply) return with_context(url_, std::move(reply).error());
  if (!reply->ok()) return fail(code_of(reply->status), words_of(*reply));
  return reply;
}

Result<JsonDocument> Daemon::call(std::string_view method, std::string_view target, std::string_view body,
                                  std::string_view content_type) {
  return JsonDocument::parse(ORTHANT_TRY(call_raw(method, target, body, content_type, "")).body);
}

Result<std::optional<JsonDocument>> Daemon::find(std::string_view target) {
  auto answer = call("GET", target);
  if (!answer && answer.error().code == ErrorCode::kNotFound) return std::nullopt;
  return ORTHANT_TRY(std::move(answer));
}

std::string collection_target(std::string_view name, std::string_view rest) {
  return fmt::format("/collections/{}{}", percent_encode(name), rest);
}

}  // namespace orthant
