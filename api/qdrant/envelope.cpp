#include "api/qdrant/envelope.h"

#include <fmt/format.h>

namespace orthant::qdrant {
namespace {

constexpr std::string_view kBadRequest = "Bad request: ";
constexpr std::string_view kNotImplemented = "Not implemented: ";

struct WireError {
  int status = 500;
  std::string_view prefix;
};

WireError wire_error_of_input(const Error& error) {
  if (error.message.starts_with("Format error in ")) return {400, ""};
  if (error.message.starts_with("Validation error in ")) return {422, ""};
  if (error.message.starts_with("Forbidden: ")) return {403, ""};
  return {400, error.message.starts_with(kBadRequest) ? "" : "Wrong input: "};
}

WireError wire_error(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument: return wire_error_of_input(error);
    case ErrorCode::kNotFound: return {404, "Not found: "};
    case ErrorCode::kAlreadyExists: return {409, "Wrong input: "};
    case ErrorCode::kFailedPrecondition:
      if (error.message.starts_with(kNotImplemented)) return {501, ""};
      return {400, kBadRequest};
    case ErrorCode::kResourceExhausted: return {429, "Rate limiting exceeded: "};
    case ErrorCode::kDeadlineExceeded: return {408, "Timeout: "};
    case ErrorCode::kCancelled: return {499, "Cancelled: "};
    case ErrorCode::kUnavailable: return {503, "Shard temporarily unavailable: "};
    case ErrorCode::kIoError:
      if (error.message.contains("No space left")) return {507, "Insufficient storage: "};
      return {500, "Service internal error: "};
    case ErrorCode::kDataCorruption:
    case ErrorCode::kInternal: return {500, "Service internal error: "};
  }
  return {500, "Service internal error: "};
}

}  // namespace

std::unexpected<Error> bad_request(std::string message) {
  return invalid_argument(std::string(kBadRequest) + message);
}

std::unexpected<Error> not_implemented(std::string message) {
  return fail(ErrorCode::kFailedPrecondition, std::string(kNotImplemented) + message);
}

std::unexpected<Error> no_such_collection(std::string_view name) {
  constexpr std::size_t kMostBytes = 255;
  if (name.size() <= kMostBytes) return not_found(fmt::format("Collection `{}` doesn't exist!", name));
  return invalid_argument(fmt::format(
      "Validation error in path parameters: [collection_name: value invalid, length must be from 1 to {}]", kMostBytes));
}

Response error_response(const Error& error) {
  const WireError wire = wire_error(error);
  Response response;
  response.status = wire.status;
  JsonWriter json(response.body);
  json.begin_object().key("status").begin_object().key("error");
  json.string(fmt::format("{}{}", wire.prefix, error.message));
  json.end_object().key("time").number(0.0).end_object();
  if (wire.status == 429) response.headers.emplace_back("Retry-After", "1");
  return response;
}

void finish_envelope(std::string& body, Clock::time_point received, const TokenCounts& tokens) {
  const double seconds = std::chrono::duration<double>(Clock::now() - received).count();
  body += R"(,"status":"ok","time":)";
  append_json_number(body, seconds);
  if (!tokens.empty()) {
    body += R"(,"usage":)";
    JsonWriter json(body);
    json.begin_object().key("hardware").null().key("inference").begin_object().key("models").begin_object();
    for (const auto& [model, count] : tokens) json.key(model).begin_object().key("tokens").number(count).end_object();
    json.end_object().end_object().end_object();
  }
  body += '}';
}

}  // namespace orthant::qdrant
