#include "api/service/telemetry.h"

#include <cmath>
#include <map>
#include <string>

#include <fmt/format.h>

#include "api/http/dispatcher.h"
#include "api/json/json_writer.h"
#include "api/qdrant/envelope.h"
#include "api/service/routes.h"

namespace orthant::service {
namespace {

// Method and path by the name that readers of a node's telemetry know: "{collection_name}".
std::string endpoint_of(const Route& route) {
  constexpr std::string_view kOurs = "{collection}";
  std::string pattern = route.pattern;
  if (const std::size_t at = pattern.find(kOurs); at != std::string::npos) pattern.replace(at, kOurs.size(), "{collection_name}");
  return fmt::format("{} {}", method_name(route.method), pattern);
}

std::uint64_t microseconds(double seconds) {
  return static_cast<std::uint64_t>(std::llround(seconds * 1e6));
}

void write_figures(JsonWriter& json, const AnswerFigures& figures) {
  json.begin_object().key("count").number(figures.count);
  json.key("avg_duration_micros").number(microseconds(figures.mean_seconds()));
  json.key("min_duration_micros").number(microseconds(figures.least_seconds));
  json.key("max_duration_micros").number(microseconds(figures.most_seconds));
  json.key("total_duration_micros").number(microseconds(figures.total_seconds)).end_object();
}

void write_responses(JsonWriter& json, const Dispatcher& dispatcher) {
  json.begin_object();
  for (const RouteFigures& figures : dispatcher.figures()) {
    const std::map<int, AnswerFigures> by_status = figures.statistics->by_status();
    if (by_status.empty()) continue;
    json.key(endpoint_of(*figures.route)).begin_object();
    for (const auto& [status, answers] : by_status) write_figures(json.key(std::to_string(status)), answers);
    json.end_object();
  }
  json.end_object();
}

void write_app(JsonWriter& json) {
  json.begin_object().key("name").string("orthant").key("version").string(kQdrantVersion).key("orthant_version");
  json.string(ORTHANT_VERSION).key("features").begin_object().key("staging").boolean(false).end_object().end_object();
}

}  // namespace

Awaitable<Response> telemetry(const ApiContext& context, Request& request) {
  const Engine* engine = context.engine.load(std::memory_order_acquire);
  const Dispatcher* dispatcher = context.dispatcher.load(std::memory_order_acquire);
  co_return qdrant::ok_response(request.received, [&](JsonWriter& json) {
    json.begin_object().key("id").string("orthant");
    write_app(json.key("app"));
    json.key("collections").begin_object().key("number_of_collections");
    json.number(engine == nullptr ? std::size_t{0} : engine->collection_names().size()).end_object();
    json.key("cluster").begin_object().key("enabled").boolean(false).end_object();
    json.key("requests").begin_object().key("rest").begin_object().key("responses");
    if (dispatcher != nullptr) {
      write_responses(json, *dispatcher);
    } else {
      json.begin_object().end_object();
    }
    json.end_object()
        .key("grpc")
        .begin_object()
        .key("responses")
        .begin_object()
        .end_object()
        .end_object()
        .end_object()
        .end_object();
  });
}

}  // namespace orthant::service
