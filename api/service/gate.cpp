#include "api/service/gate.h"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>

#include "api/json/json_reader.h"
#include "base/ascii_case.h"
#include "base/digest.h"
#include "base/metrics.h"

namespace orthant::service {
namespace {

constexpr std::string_view kBearer = "Bearer ";
constexpr std::string_view kInvalidKey = "Invalid API key or JWT";
constexpr std::string_view kNoSuchValue = "Invalid JWT, stateful validation failed";

Response refuse_unauthorized(std::string_view why) {
  static Counter& refused = counter("orthant_requests_refused_total", "Requests refused before their route", "reason=\"key\"");
  refused.add();
  Response response = text_response(401, std::string(why));
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

Response refuse_token(std::string_view why) {
  static Counter& refused = counter("orthant_requests_refused_total", "Requests refused before their route", "reason=\"token\"");
  refused.add();
  return text_response(403, std::string(why));
}

Response refuse_access(const Route& route, const Error& error) {
  static Counter& refused = counter("orthant_requests_refused_total", "Requests refused before their route", "reason=\"access\"");
  refused.add();
  Response response = route.render_error(error);
  response.status = 403;
  return response;
}

// The key of a request: api-key, else the bearer's token. Nothing: there is none.
std::optional<std::string_view> key_of(const Request& request) {
  for (const auto& [name, value] : request.headers.fields()) {
    if (equal_ignoring_case(name, "api-key")) return value;
  }
  const std::string_view authorization = request.headers.find("authorization");
  if (!authorization.starts_with(kBearer)) return std::nullopt;
  return authorization.substr(kBearer.size());
}

bool equals_key(std::string_view given, const std::string& key) {
  return !key.empty() && equal_in_constant_time(given, key);
}

// Collections that a query looks into beside its own: "lookup_from" and "with_lookup" at any depth.
Status check_lookups(JsonValue value, const Grants& grants) {
  for (const JsonValue member : value.items()) {
    if (value.is_object() && (member.key() == "lookup_from" || member.key() == "with_lookup")) {
      const std::optional<JsonValue> named = member.is_string() ? member : member.find("collection");
      if (named && named->is_string()) {
        ORTHANT_TRY(grants.check_collection(ORTHANT_TRY(named->as_string()), CollectionRight::kRead));
      }
    }
    if (member.is_object() || member.is_array()) ORTHANT_TRY(check_lookups(member, grants));
  }
  return {};
}

}  // namespace

Gate::Gate(const ApiContext& context) : context_(context), limiter_(context.settings.max_requests_per_second_per_client) {}

bool Gate::has_keys() const {
  const Settings& settings = context_.settings;
  return !settings.api_key.empty() || !settings.alt_api_key.empty() || !settings.read_only_api_key.empty();
}

Awaitable<std::optional<Response>> Gate::admit(const Route* route, Request& request) {
  if (std::optional<Response> refusal = limit_rate(route, request)) co_return refusal;
  if (!has_keys() || (route != nullptr && route->access == RouteAccess::kFree)) co_return std::nullopt;
  std::optional<Response> refusal = co_await authenticate(request);
  if (refusal || route == nullptr) co_return refusal;
  const Status allowed = authorize(*route, request);
  if (!allowed) co_return refuse_access(*route, allowed.error());
  co_return std::nullopt;
}

std::optional<Response> Gate::limit_rate(const Route* route, const Request& request) {
  const std::size_t limit = context_.settings.max_requests_per_second_per_client;
  if (limit == 0 || (route != nullptr && route->access == RouteAccess::kFree)) return std::nullopt;
  const std::chrono::nanoseconds wait = limiter_.take(request.client);
  if (wait == std::chrono::nanoseconds::zero()) return std::nullopt;
  static Counter& refused = counter("orthant_requests_refused_total", "Requests refused before their route", "reason=\"rate\"");
  refused.add();
  const std::string why = fmt::format("this client may send {} requests a second", limit);
  Response response = text_response(429, "Rate limiting exceeded: " + why);
  if (route != nullptr) response = route->render_error(Error{ErrorCode::kResourceExhausted, why});
  std::erase_if(response.headers, [](const auto& header) { return header.first == "Retry-After"; });
  response.headers.emplace_back("Retry-After", std::to_string(std::chrono::ceil<std::chrono::seconds>(wait).count()));
  return response;
}

Awaitable<std::optional<Response>> Gate::authenticate(Request& request) const {
  const std::optional<std::string_view> key = key_of(request);
  if (!key) co_return refuse_unauthorized("Must provide an API key or an Authorization bearer token");
  const Settings& settings = context_.settings;
  // All are compared, whichever fits: the time tells nothing.
  const bool main_key = equals_key(*key, settings.api_key);
  const bool alternative_key = equals_key(*key, settings.alt_api_key);
  const bool read_only_key = equals_key(*key, settings.read_only_api_key);
  if (main_key || alternative_key) {
    request.caller.kind = "key";
    co_return std::nullopt;
  }
  if (read_only_key) {
    request.caller.kind = "read-only key";
    request.grants = std::make_shared<const Grants>(Grants::Scope::kReadAll);
    co_return std::nullopt;
  }
  if (!settings.jwt) co_return refuse_unauthorized(kInvalidKey);
  co_return co_await believe_token(*key, request);
}

Awaitable<std::optional<Response>> Gate::believe_token(std::string_view token, Request& request) const {
  TokenResult result{TokenFault::kNoToken, {}, {}};
  for (const std::string* key : {&context_.settings.api_key, &context_.settings.alt_api_key}) {
    if (key->empty()) continue;
    TokenResult found = read_token(token, *key, std::time(nullptr));
    // A token of one key has a wrong signature under the other: that says least.
    if (result.fault == TokenFault::kNoToken || found.fault != TokenFault::kSignature) result = std::move(found);
    if (result.fault == TokenFault::kNone) break;
  }
  switch (result.fault) {
    case TokenFault::kNone: break;
    case TokenFault::kNoToken: co_return refuse_unauthorized(kInvalidKey);
    case TokenFault::kClaims: co_return refuse_unauthorized(result.message);
    case TokenFault::kSignature: co_return refuse_token("InvalidSignature");
    case TokenFault::kExpired: co_return refuse_token("ExpiredSignature");
  }
  request.caller = {"token", result.claims.subject};
  request.grants = result.claims.grants;
  if (result.claims.value_exists) co_return co_await check_value_exists(*result.claims.value_exists, request);
  co_return std::nullopt;
}

Awaitable<std::optional<Response>> Gate::check_value_exists(const ValueExists& claim, const Request& request) const {
  Engine* engine = context_.engine.load(std::memory_order_acquire);
  if (engine == nullptr) co_return text_response(503, "the server is starting: models and collections are loading");
  ScrollRequest scroll;
  scroll.limit = 1;
  scroll.filter = claim.filter;
  const RequestContext context = request_context(*engine, request);
  const auto start = [&](Done<ScrollResult> done) { engine->scroll(claim.collection, scroll, context, std::move(done)); };
  Result<ScrollResult> found = co_await await_done<Result<ScrollResult>>(start);
  if (found && !found->points.empty()) co_return std::nullopt;
  if (found) co_return refuse_unauthorized(kNoSuchValue);
  if (found.error().code == ErrorCode::kNotFound) co_return refuse_token(kNoSuchValue);
  co_return text_response(500, fmt::format("the token's value_exists cannot be checked: {}", found.error().message));
}

Status Gate::authorize(const Route& route, const Request& request) const {
  if (request.grants == nullptr) return {};
  const Grants& grants = *request.grants;
  const std::string_view collection = request.path_value("collection");
  switch (route.access) {
    case RouteAccess::kFree:
    case RouteAccess::kAny: return {};
    case RouteAccess::kManage: return grants.check_manage();
    case RouteAccess::kReadAll: return grants.check_read_all();
    case RouteAccess::kReadCollection: return grants.check_collection(collection, CollectionRight::kRead);
    case RouteAccess::kReadWhole: return grants.check_whole_collection(collection);
    case RouteAccess::kWriteCollection: return grants.check_collection(collection, CollectionRight::kWrite);
    case RouteAccess::kWritePoints: break;
  }
  ORTHANT_TRY(grants.check_collection(collection, CollectionRight::kWritePoints));
  // Bulk ingestion can make its collection, which rights to a collection do not include.
  const Engine* engine = context_.engine.load(std::memory_order_acquire);
  const bool makes = request.query.find("create") == "true" && engine != nullptr && !engine->resolve_name(collection);
  return makes ? grants.check_manage() : Status();
}

std::optional<Response> Gate::admit_content(const Route& route, const Request& request) const {
  if (request.grants->scope() != Grants::Scope::kCollections) return std::nullopt;
  // What is no JSON the handler refuses in its own words.
  const Result<JsonDocument> document = JsonDocument::parse(request.content);
  if (!document) return std::nullopt;
  const Status allowed = check_lookups(document->root(), *request.grants);
  if (!allowed) return refuse_access(route, allowed.error());
  return std::nullopt;
}

}  // namespace orthant::service
