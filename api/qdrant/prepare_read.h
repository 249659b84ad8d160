#pragma once
// What every read needs before it reaches the engine: the collection, the parsed body, the deadline. Private to api/qdrant.

#include <string>

#include "api/qdrant/handlers.h"
#include "api/qdrant/parse_fields.h"

namespace orthant::qdrant {

inline Result<RequestContext> read_context(const Engine& engine, const Request& request) {
  RequestContext context = request_context(engine, request);
  const auto timeout = ORTHANT_TRY(parse_timeout(request));
  if (timeout) context.deadline = request.received + *timeout;
  return context;
}

template <typename T>
struct Prepared {
  T parsed;
  RequestContext context;
  std::string collection;
};

template <typename Parse, typename T = typename std::invoke_result_t<Parse, JsonValue>::value_type>
Awaitable<Result<Prepared<T>>> prepare(Engine& engine, Request& request, Parse parse) {
  std::string name(request.path_value("collection"));
  Result<RequestContext> context = read_context(engine, request);
  if (!context) co_return std::unexpected(context.error());
  if (!engine.has_collection(name)) co_return no_such_collection(name);
  Result<T> parsed = co_await parse_content(engine, request, parse);
  if (!parsed) co_return std::unexpected(parsed.error());
  co_return Prepared<T>{std::move(*parsed), std::move(*context), std::move(name)};
}

}  // namespace orthant::qdrant
