#pragma once
// Dispatcher: what every request goes through, independent of sockets and dialects: its id, CORS, the route table, who asks (a
// hook), the body (bounded and decompressed), the handler, metrics, compression of the answer. Safe from any io thread once made.

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/http/answer_statistics.h"
#include "api/http/cors.h"
#include "api/http/message.h"
#include "api/http/router.h"
#include "base/thread_pool.h"

namespace orthant {

struct DispatcherOptions {
  std::size_t max_body_bytes = std::size_t{32} << 20;
  // Answers from this size on are compressed where the client accepts it.
  std::size_t compress_from_bytes = std::size_t{32} << 10;
  // Work that takes longer than this many bytes' worth leaves the io thread.
  std::size_t offload_from_bytes = std::size_t{64} << 10;
  // Where decompression, compression and the parsing of large bodies run; null while there is none (then on the io thread).
  std::function<ThreadPool*()> pool = [] { return nullptr; };

  std::vector<std::string> cors_origins = {"*"};
  // Asked before anything of the body is read; an answer refuses the request. May set request.grants. `route` is null for what no
  // route matches. Not set: everybody may do everything.
  std::function<Awaitable<std::optional<Response>>(const Route* route, Request& request)> admit;
  // Asked once request.content is there, for requests that have grants; an answer refuses.
  std::function<std::optional<Response>(const Route& route, const Request& request)> admit_content;
  // Told of every answer, on the io thread: for logs.
  std::function<void(const Route* route, const Request& request, const Response& response)> observe;
};

// Answers of one route, for metrics and telemetry.
struct RouteFigures {
  const Route* route;
  const AnswerStatistics* statistics;
};

class Dispatcher {
 public:
  Dispatcher(Router router, DispatcherOptions options);
  ~Dispatcher();

  Awaitable<Response> handle(Request& request) const;

  // In the order of the routes; those that never answered too. Good while the dispatcher lives.
  std::vector<RouteFigures> figures() const;
  const Router& router() const { return router_; }

 private:
  struct RouteMetrics;
  Awaitable<Response> answer(const Route* route, Request& request) const;
  Awaitable<Response> run_route(const Route& route, Request& request) const;
  Awaitable<Result<std::string>> read_content(Request& request) const;
  Awaitable<void> compress_answer(const Request& request, Response& response) const;
  Response answer_unrouted(Request& request) const;
  void count_request(const Route& route, const Request& request, const Response& response) const;

  const Router router_;
  const DispatcherOptions options_;
  const Cors cors_;
  const std::unique_ptr<RouteMetrics[]> metrics_;
};

}  // namespace orthant
