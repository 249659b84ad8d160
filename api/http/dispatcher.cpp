#include "api/http/dispatcher.h"

#include <exception>
#include <map>
#include <mutex>

#include <fmt/format.h>

#include "api/http/content_coding.h"
#include "base/log.h"
#include "base/metrics.h"

namespace orthant {
namespace {

void add_cors(const Request& request, Response& response) {
  if (!request.headers.find("origin").empty()) response.headers.emplace_back("Access-Control-Allow-Origin", "*");
}

}  // namespace

// Metrics of one route, looked up once for each status.
struct Dispatcher::RouteMetrics {
  std::mutex mutex;
  std::map<int, Counter*> answers;  // guarded by mutex
  Histogram* durations = nullptr;   // guarded by mutex
};

Dispatcher::Dispatcher(Router router, DispatcherOptions options)
    : router_(std::move(router)), options_(std::move(options)), metrics_(new RouteMetrics[router_.routes().size()]) {}
Dispatcher::~Dispatcher() = default;

Awaitable<Response> Dispatcher::handle(Request& request) const {
  const Route* route = router_.match(request);
  Response response;
  if (route == nullptr) {
    response = answer_unrouted(request);
  } else {
    response = co_await run_route(*route, request);
    count_request(*route, request, response);
  }
  add_cors(request, response);
  if (response.body.size() >= options_.compress_from_bytes) co_await compress_answer(request, response);
  co_return response;
}

Response Dispatcher::answer_unrouted(Request& request) const {
  const std::vector<Method> allowed = router_.allowed_methods(request);
  if (request.method == Method::kOptions) {
    Response response = text_response(204, "");
    response.headers = {{"Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"},
                        {"Access-Control-Allow-Headers", "*"},
                        {"Access-Control-Max-Age", "86400"}};
    if (request.headers.find("origin").empty()) response.headers.emplace_back("Access-Control-Allow-Origin", "*");
    return response;
  }
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
  }
  std::string fault;
  try {
    co_return co_await route.handler(request);
  } catch (const std::exception& exception) {
    fault = exception.what();
  }
  log_error(fmt::format("{} {}: {}", method_name(request.method), request.path, fault));
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
  const std::lock_guard lock(metrics.mutex);
  Counter*& answers = metrics.answers[response.status];
  const auto labels = [&] {
    return fmt::format("method=\"{}\",endpoint=\"{}\"", method_name(route.method), escape_label(route.pattern));
  };
  if (answers == nullptr) {
    answers = &counter("rest_responses_total", "Answers by method, endpoint and status",
                       fmt::format("{},status=\"{}\"", labels(), response.status));
  }
  if (metrics.durations == nullptr) {
    metrics.durations =
        &histogram("rest_responses_duration_seconds", "Time from a request's header to its answer", duration_buckets(), labels());
  }
  answers->add();
  metrics.durations->observe(seconds);
}

}  // namespace orthant
