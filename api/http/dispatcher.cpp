#include "api/http/dispatcher.h"

#include <exception>
#include <mutex>

#include <fmt/format.h>

#include "api/http/content_coding.h"
#include "api/http/early_answer.h"
#include "api/http/request_id.h"
#include "base/log.h"
#include "base/metrics.h"

namespace orthant {

namespace {

// That every answer to the request has.
std::vector<std::pair<std::string, std::string>> common_headers(const Cors& cors, const Request& request) {
  Response response;
  response.headers.emplace_back(kRequestIdHeader, request.id);
  cors.add_headers(request, response);
  return std::move(response.headers);
}

}  // namespace

// Metrics of one route. The histogram is looked up once.
struct Dispatcher::RouteMetrics {
  AnswerStatistics statistics;
  std::once_flag made;
  Histogram* durations = nullptr;
};

Dispatcher::Dispatcher(Router router, DispatcherOptions options)
    : router_(std::move(router)),
      options_(std::move(options)),
      cors_(options_.cors_origins),
      metrics_(new RouteMetrics[router_.routes().size()]) {}
Dispatcher::~Dispatcher() = default;

std::vector<RouteFigures> Dispatcher::figures() const {
  std::vector<RouteFigures> all;
  for (std::size_t i = 0; i < router_.routes().size(); ++i) all.push_back({&router_.routes()[i], &metrics_[i].statistics});
  return all;
}

Awaitable<Response> Dispatcher::handle(Request& request) const {
  request.id = request_id(request.headers.find(kRequestIdHeader));
  const Route* route = router_.match(request);
  EarlyAnswer* const early = route != nullptr && route->body == BodyUse::kStream ? early_answer_of(request) : nullptr;
  if (early != nullptr) early->set_early_headers(common_headers(cors_, request));
  Response response = co_await answer(route, request);
  response.headers.emplace_back(kRequestIdHeader, request.id);
  cors_.add_headers(request, response);
  const bool begun = early != nullptr && early->answer_has_begun();
  if (!begun && response.body.size() >= options_.compress_from_bytes) co_await compress_answer(request, response);
  if (route != nullptr) count_request(*route, request, response);
  if (options_.observe) options_.observe(route, request, response);
  co_return response;
}

// A preflight carries no key: it is answered before anybody asks for one.
Awaitable<Response> Dispatcher::answer(const Route* route, Request& request) const {
  if (route == nullptr && request.method == Method::kOptions) co_return cors_.answer_options();
  if (options_.admit) {
    std::optional<Response> refusal = co_await options_.admit(route, request);
    if (refusal) co_return std::move(*refusal);
  }
  if (route == nullptr) co_return answer_unrouted(request);
  co_return co_await run_route(*route, request);
}

Response Dispatcher::answer_unrouted(Request& request) const {
  const std::vector<Method> allowed = router_.allowed_methods(request);
  if (allowed.empty()) return text_response(404, "");
  std::string names;
  for (const Method method : allowed) names += fmt::format("{}{}", names.empty() ? "" : ", ", method_name(method));
  Response response = text_response(405, fmt::format("{} allows {}", request.path, names));
  response.headers.emplace_back("Allow", names);
  return response;
}

Awaitable<Response> Dispatcher::run_route(const Route& route, Request& request) const {
  if (route.body == BodyUse::kWhole) {
    Result<std::string> content = co_await read_content(request);
    if (!content) {
      Response refusal = route.render_error(content.error());
      refusal.close = true;
      co_return refusal;
    }
    request.content = std::move(*content);
    request.content_bytes = request.content.size();
    if (request.grants != nullptr && options_.admit_content) {
      std::optional<Response> refusal = options_.admit_content(route, request);
      if (refusal) co_return std::move(*refusal);
    }
  }
  std::string fault;
  try {
    co_return co_await route.handler(request);
  } catch (const std::exception& exception) {
    fault = exception.what();
  }
  log_error(fmt::format("{} {}: {}", method_name(request.method), request.path, fault), {{"request_id", request.id}});
  co_return route.render_error(Error{ErrorCode::kInternal, fault});
}

Awaitable<Result<std::string>> Dispatcher::read_content(Request& request) const {
  const Result<ContentCoding> coding = parse_content_coding(request.headers.find("content-encoding"));
  if (!coding) co_return std::unexpected(coding.error());
  Result<std::string> bytes = co_await read_whole_body(*request.body, options_.max_body_bytes);
  if (!bytes || *coding == ContentCoding::kIdentity) co_return bytes;
  const auto work = [coding = *coding, input = std::move(*bytes), max_bytes = options_.max_body_bytes] {
    return decompress(coding, input, max_bytes);
  };
  ThreadPool* pool = options_.pool();
  if (pool == nullptr) co_return work();
  co_return co_await run_on<std::string>(*pool, work);
}

Awaitable<void> Dispatcher::compress_answer(const Request& request, Response& response) const {
  const ContentCoding coding = choose_answer_coding(request.headers.find("accept-encoding"));
  ThreadPool* pool = options_.pool();
  if (coding == ContentCoding::kIdentity || pool == nullptr) co_return;
  const std::string* body = &response.body;
  Result<std::string> packed = co_await run_on<std::string>(*pool, [coding, body] { return compress(coding, *body); });
  if (!packed || packed->size() >= response.body.size()) co_return;
  response.body = std::move(*packed);
  response.headers.emplace_back("Content-Encoding", content_coding_name(coding));
  response.headers.emplace_back("Vary", "Accept-Encoding");
}

void Dispatcher::count_request(const Route& route, const Request& request, const Response& response) const {
  RouteMetrics& metrics = metrics_[static_cast<std::size_t>(&route - router_.routes().data())];
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - request.received).count();
  std::call_once(metrics.made, [&] {
    metrics.durations =
        &histogram("rest_responses_duration_seconds", "Time from a request's header to its answer", duration_buckets(),
                   fmt::format("method=\"{}\",endpoint=\"{}\"", method_name(route.method), escape_label(route.pattern)));
  });
  metrics.durations->observe(seconds);
  metrics.statistics.add(response.status, response.status == 404 ? std::string_view() : request.path_value("collection"), seconds);
}

}  // namespace orthant
