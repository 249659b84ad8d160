#include "api/service/routes.h"

#include <memory>
#include <mutex>
#include <string>

#include <fmt/format.h>

#include "api/json/json_reader.h"
#include "api/qdrant/envelope.h"
#include "api/service/process_metrics.h"
#include "api/service/telemetry.h"
#include "base/log.h"
#include "base/metrics.h"

namespace orthant::service {
namespace {

Response root_answer() {
  Response response;
  JsonWriter json(response.body);
  json.begin_object().key("title").string("qdrant - vector search engine").key("version").string(kQdrantVersion);
  json.key("commit").string("").key("orthant_version").string(ORTHANT_VERSION).end_object();
  return response;
}

Response ready_answer(const ApiContext& context) {
  if (context.stopping.load(std::memory_order_relaxed)) return text_response(503, "the server is stopping");
  if (context.engine.load(std::memory_order_acquire) != nullptr) return text_response(200, "all shards are ready");
  return text_response(503, "models and collections are loading");
}

void write_model(JsonWriter& json, const EncoderInfo& info) {
  json.begin_object()
      .key("name")
      .string(info.name)
      .key("kind")
      .string(model_kind_name(info.kind))
      .key("architecture")
      .string(info.architecture);
  json.key("dim").number(info.dim).key("max_seq_length").number(info.max_seq_length).key("pooling").string(info.pooling);
  json.key("normalized").boolean(info.normalized).key("weight_precision").string(info.weight_precision);
  json.key("weight_compute").string(info.weight_compute);
  json.key("parameters").number(info.parameter_count).key("memory_bytes").number(info.memory_bytes);
  json.key("sha256").string(info.model_sha256).key("folder").string(info.folder.string());
  json.key("prompts").begin_object();
  for (const auto& [name, text] : info.prompts) json.key(name).string(text);
  json.end_object().end_object();
}

Awaitable<Response> list_models(Engine& engine, Request& request) {
  co_return qdrant::ok_response(request.received, [&](JsonWriter& json) {
    json.begin_object().key("models").begin_array();
    for (const LoadedModel& model : engine.all_models()) write_model(json, model_info(model));
    json.end_array().end_object();
  });
}

// Collections may be many: their figures are gathered on the request pool.
Awaitable<Response> metrics(const ApiContext& context, Request& request) {
  Engine* engine = context.engine.load(std::memory_order_acquire);
  const Dispatcher* dispatcher = context.dispatcher.load();
  const auto gather = [engine, dispatcher,
                       per_collection = request.query.find("per_collection") == "true"]() -> Result<std::string> {
    MetricsText text;
    add_process_metrics(text);
    if (engine != nullptr) add_engine_metrics(text, *engine);
    if (dispatcher != nullptr) add_request_metrics(text, *dispatcher, per_collection);
    return text.text() + render_metrics();
  };
  Result<std::string> text = std::string();
  if (engine == nullptr) {
    text = gather();
  } else {
    text = co_await run_on<std::string>(engine->request_pool(), gather);
  }
  if (!text) co_return qdrant::error_response(text.error());
  Response response = text_response(200, std::move(*text));
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  co_return response;
}

// The level of the log, which can be changed while the daemon runs; until it ends.
class LoggerLevel {
 public:
  explicit LoggerLevel(std::string name) : name_(std::move(name)) {}
  std::string name() {
    const std::lock_guard lock(mutex_);
    return name_;
  }
  Status set(std::string name) {
    if (name == "warn") name = "warning";
    const LogLevel level = ORTHANT_TRY(parse_log_level(name));
    const std::lock_guard lock(mutex_);
    set_log_level(level);
    name_ = std::move(name);
    return {};
  }

 private:
  std::mutex mutex_;
  std::string name_;  // guarded by mutex_
};

Response get_logger(LoggerLevel& level, const Request& request) {
  return qdrant::ok_response(request.received,
                             [&](JsonWriter& json) { json.begin_object().key("log_level").string(level.name()).end_object(); });
}

// {"log_level": "debug"}; what is left out stays.
Status change_logger(LoggerLevel& level, const std::string& content) {
  const JsonDocument document = ORTHANT_TRY(JsonDocument::parse(content));
  ORTHANT_TRY(document.root().expect_object());
  const auto name = ORTHANT_TRY(document.root().find_string("log_level"));
  return name ? level.set(std::string(*name)) : Status();
}

Response set_logger(LoggerLevel& level, const Request& request) {
  const Status changed = change_logger(level, request.content);
  return changed ? qdrant::ok_true(request.received) : qdrant::error_response(changed.error());
}

}  // namespace

void add_routes(Router& router, const ApiContext& context) {
  const auto error = qdrant::error_response;
  const auto health = [](Request&) { return immediate_response(text_response(200, "healthz check passed")); };
  router.add({Method::kGet, "/", [](Request&) { return immediate_response(root_answer()); }, error});
  router.add({Method::kGet, "/healthz", health, error});
  router.add({Method::kGet, "/livez", health, error});
  router.add({Method::kGet, "/readyz", [&context](Request&) { return immediate_response(ready_answer(context)); }, error});
  router.add({Method::kGet, "/metrics", [&context](Request& request) { return metrics(context, request); }, error});
  router.add({Method::kGet, "/telemetry", [&context](Request& request) { return telemetry(context, request); }, error});
  const auto level = std::make_shared<LoggerLevel>(context.settings.log_level);
  router.add(
      {Method::kGet, "/logger", [level](Request& request) { return immediate_response(get_logger(*level, request)); }, error});
  router.add(
      {Method::kPost, "/logger", [level](Request& request) { return immediate_response(set_logger(*level, request)); }, error});
  router.add({Method::kGet, "/models", with_engine(context, list_models, error), error});
}

}  // namespace orthant::service
