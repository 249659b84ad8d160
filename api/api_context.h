#pragma once
// ApiContext: what handlers share. The daemon listens before the engine is open; until it is published, requests that need it get
// 503. Lives as long as the server; the engine is taken back only after the server has stopped.

#include <atomic>
#include <chrono>
#include <memory>
#include <utility>

#include "api/http/dispatcher.h"
#include "api/http/message.h"
#include "api/http/router.h"
#include "engine/engine.h"

namespace orthant {

struct ApiContext {
  Settings settings;
  std::atomic<Engine*> engine{nullptr};
  // What serves the requests: figures of its routes. Null until it is made.
  std::atomic<const Dispatcher*> dispatcher{nullptr};
  // The daemon will stop soon: /readyz says so before anything is refused.
  std::atomic<bool> stopping{false};
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
};

using EngineHandler = Awaitable<Response> (*)(Engine&, Request&);

inline Awaitable<Response> immediate_response(Response response) {
  co_return response;
}

// A route's handler that answers in `style` while there is no engine.
inline Handler with_engine(const ApiContext& context, EngineHandler handler, ErrorStyle style) {
  return [&context, handler, style](Request& request) -> Awaitable<Response> {
    Engine* engine = context.engine.load(std::memory_order_acquire);
    if (engine == nullptr)
      return immediate_response(style({ErrorCode::kUnavailable, "the server is starting: models and collections are loading"}));
    return handler(*engine, request);
  };
}

// The engine's context of a request: its time runs from its arrival.
inline RequestContext request_context(const Engine& engine, const Request& request) {
  return {request.received + std::chrono::seconds(engine.settings().request_timeout_s), request.cancelled};
}

// Starts an engine call and renders its answer on the engine's thread, so that io threads only move bytes.
// start(done): calls the engine. render(T): a Response. style: for errors.
template <typename T, typename Start, typename Render>
Awaitable<Response> respond_with(Start start, Render render, ErrorStyle style) {
  return await_done<Response>([start = std::move(start), render = std::move(render), style](Completion<Response> done) mutable {
    start(Done<T>([render = std::move(render), done = std::move(done), style](Result<T> result) mutable {
      if constexpr (std::is_void_v<T>) {
        done(result ? render() : style(result.error()));
      } else {
        done(result ? render(std::move(*result)) : style(result.error()));
      }
    }));
  });
}

}  // namespace orthant
