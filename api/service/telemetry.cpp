#include "api/service/telemetry.h"

#include <chrono>
#include <cmath>
#include <map>
#include <string>

#include <fmt/format.h>

#include "api/http/dispatcher.h"
#include "api/json/json_writer.h"
#include "api/qdrant/envelope.h"
#include "api/service/process_metrics.h"
#include "api/service/routes.h"
#include "base/date_text.h"
#include "base/parse_number.h"

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

std::string time_text(std::chrono::system_clock::time_point time) {
  return timestamp_text(std::chrono::system_clock::to_time_t(time), 1, true);
}

void write_figures(JsonWriter& json, const AnswerFigures& figures) {
  json.begin_object().key("count").number(figures.count);
  json.key("avg_duration_micros").number(microseconds(figures.mean_seconds()));
  json.key("min_duration_micros").number(microseconds(figures.least_seconds));
  json.key("max_duration_micros").number(microseconds(figures.most_seconds));
  json.key("total_duration_micros").number(microseconds(figures.total_seconds));
  json.key("last_responded").string(time_text(figures.last)).end_object();
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

void write_app(JsonWriter& json, const ApiContext& context) {
  // The name that readers of a node's telemetry look for; ours is in orthant_version.
  json.begin_object().key("name").string("qdrant").key("version").string(kQdrantVersion).key("orthant_version");
  json.string(ORTHANT_VERSION).key("features").begin_object();
  for (const char* name : {"debug", "service_debug_feature", "recovery_mode", "gpu", "staging"}) json.key(name).boolean(false);
  json.key("rocksdb").boolean(true).end_object();
  const auto up = std::chrono::steady_clock::now() - context.started;
  const auto started = std::chrono::system_clock::now() - std::chrono::duration_cast<std::chrono::system_clock::duration>(up);
  json.key("startup").string(time_text(started)).end_object();
}

void write_memory(JsonWriter& json) {
  const MemoryFigures memory = memory_figures();
  json.begin_object().key("active_bytes").number(memory.active).key("allocated_bytes").number(memory.allocated);
  json.key("metadata_bytes").number(memory.metadata).key("resident_bytes").number(memory.resident);
  json.key("retained_bytes").number(memory.retained).end_object();
}

// How much is told: 0 (the default) only counts, 1 sums of the collections, 2 their configurations, 3 their shards, 4 and on also
// segments.
Result<std::size_t> details_level(const Request& request) {
  const auto given = request.query.find("details_level");
  if (!given) return std::size_t{0};
  if (const auto level = parse_number<std::size_t>(*given)) return *level;
  return invalid_argument(fmt::format("Format error in query parameters: details_level: found '{}', expected a number", *given));
}

}  // namespace

Awaitable<Response> telemetry(const ApiContext& context, Request& request) {
  const Engine* engine = context.engine.load(std::memory_order_acquire);
  const Dispatcher* dispatcher = context.dispatcher.load(std::memory_order_acquire);
  const Result<std::size_t> level = details_level(request);
  if (!level) co_return qdrant::error_response(level.error());
  co_return qdrant::ok_response(request.received, [&](JsonWriter& json) {
    json.begin_object().key("id").string("orthant");
    write_app(json.key("app"), context);
    write_collections(json.key("collections"), engine, request.grants.get(), *level);
    if (request.grants != nullptr && !request.grants->check_read_all()) {
      json.end_object();
      return;
    }
    json.key("cluster").begin_object().key("enabled").boolean(false).end_object();
    json.key("requests").begin_object().key("rest").begin_object().key("responses");
    if (dispatcher != nullptr) {
      write_responses(json, *dispatcher);
    } else {
      json.begin_object().end_object();
    }
    json.end_object().key("grpc").begin_object().key("responses").begin_object().end_object().end_object().end_object();
    if (*level > 0) {
      write_memory(json.key("memory"));
      json.key("hardware").begin_object().key("collection_data").begin_object().end_object().end_object();
    }
    json.end_object();
  });
}

}  // namespace orthant::service
