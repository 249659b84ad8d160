#include "api/qdrant/strict_gate.h"

#include <algorithm>
#include <array>

#include "api/qdrant/envelope.h"
#include "api/qdrant/handlers.h"
#include "api/qdrant/parse_fields.h"

namespace orthant::qdrant {
namespace {

struct WriteRow {
  Method method;
  std::string_view ending;
  std::string_view operation;
};
constexpr std::array kWrites = {
    WriteRow{Method::kPut, "/points", "upsert"},
    WriteRow{Method::kPost, "/points/delete", "delete"},
    WriteRow{Method::kPut, "/points/vectors", "update_vectors"},
    WriteRow{Method::kPost, "/points/vectors/delete", "delete_vectors"},
    WriteRow{Method::kPost, "/points/payload", "set_payload"},
    WriteRow{Method::kPut, "/points/payload", "overwrite_payload"},
    WriteRow{Method::kPost, "/points/payload/delete", "delete_payload"},
    WriteRow{Method::kPost, "/points/payload/clear", "clear_payload"},
    WriteRow{Method::kPost, "/points/batch", "batch"},
};
constexpr std::string_view kCollection = "/collections/{collection}";

Status check_operations(const StrictMode& mode, JsonValue body, const StrictFacts& facts, double& cost) {
  const auto operations = body.find("operations");
  if (!operations || !operations->is_array()) return {};
  for (const JsonValue operation : operations->items()) {
    for (const JsonValue write : operation.items()) {
      ORTHANT_TRY(mode.check_write(write.key(), write, facts));
      cost += StrictMode::write_cost(write.key(), write, facts);
    }
  }
  return {};
}

// Bodies that are no JSON are left to the handler, which says what is wrong with them.
Status check(const StrictMode& mode, StrictRule rule, const std::string& content, const StrictFacts& facts) {
  const auto now = std::chrono::steady_clock::now();
  if (rule.use == StrictUse::kNewFieldIndex) {
    ORTHANT_TRY(mode.check_new_field_index(facts));
    return mode.take_write(1, now);
  }
  if (content.empty()) return rule.use == StrictUse::kRead ? mode.take_read(1, now) : mode.take_write(1, now);
  const auto document = JsonDocument::parse(content);
  if (!document) return {};
  const JsonValue body = document->root();
  if (rule.use == StrictUse::kRead) {
    ORTHANT_TRY(mode.check_read(body, facts));
    return mode.take_read(StrictMode::read_cost(body), now);
  }
  double cost = 0;
  if (rule.operation == "batch") {
    ORTHANT_TRY(check_operations(mode, body, facts, cost));
  } else {
    ORTHANT_TRY(mode.check_write(rule.operation, body, facts));
    cost = StrictMode::write_cost(rule.operation, body, facts);
  }
  return mode.take_write(cost, now);
}

Response refusal(const Error& error) {
  Response response = error_response(error);
  const auto seconds = retry_after_seconds(error.message);
  std::erase_if(response.headers, [](const auto& header) { return header.first == "Retry-After"; });
  if (seconds) response.headers.emplace_back("Retry-After", std::to_string(*seconds));
  return response;
}

}  // namespace

StrictRule strict_rule(Method method, std::string_view pattern) {
  if (pattern.ends_with("/recover") || pattern.ends_with("/upload")) return {StrictUse::kConfiguration};
  if (!pattern.starts_with(kCollection)) return {};
  const std::string_view ending = pattern.substr(kCollection.size());
  if (ending.empty()) return {method == Method::kGet ? StrictUse::kNone : StrictUse::kConfiguration};
  if (ending == "/index") return {StrictUse::kNewFieldIndex};
  if (ending.starts_with("/index/")) return {StrictUse::kWrite, "delete_index"};
  for (const WriteRow& row : kWrites) {
    if (row.method == method && row.ending == ending) return {StrictUse::kWrite, row.operation};
  }
  const bool reads = ending.starts_with("/points") || ending == "/facet";
  return {reads ? StrictUse::kRead : StrictUse::kNone};
}

Awaitable<Response> StrictGate::pass(Engine& engine, Request& request, StrictRule rule, const Handler& next) {
  if (rule.use == StrictUse::kNone) return next(request);
  if (rule.use == StrictUse::kConfiguration) return pass_and_reload(engine, request, next);
  auto mode = find(engine, request.path_value("collection"));
  if (!mode) return next(request);
  return check_and_pass(engine, request, rule, next, std::move(mode));
}

Awaitable<Response> StrictGate::check_and_pass(Engine& engine, Request& request, StrictRule rule, Handler next,
                                               std::shared_ptr<const StrictMode> mode) {
  const Result<std::optional<std::chrono::seconds>> timeout = parse_timeout(request);
  if (!timeout) co_return error_response(timeout.error());
  const auto work = [&]() -> Result<bool> {
    ORTHANT_TRY(mode->check_timeout(*timeout));
    const CollectionInfo info = ORTHANT_TRY(engine.collection_info(request.path_value("collection")));
    ORTHANT_TRY(check(*mode, rule, request.content, strict_facts_of(info)));
    return true;
  };
  Result<bool> allowed = true;
  if (request.content.size() < kOffloadBytes) {
    allowed = work();
  } else {
    allowed = co_await run_on<bool>(engine.request_pool(), work);
  }
  if (!allowed) co_return refusal(allowed.error());
  co_return co_await next(request);
}

Awaitable<Response> StrictGate::pass_and_reload(Engine& engine, Request& request, Handler next) {
  const std::string name(request.path_value("collection"));
  Response response = co_await next(request);
  // Without one the daemon was restored as a whole; what was accepted only will change later.
  if (name.empty() || response.status == 202) {
    wanted_.fetch_add(1);
  } else {
    reload(engine, name);
  }
  co_return response;
}

std::shared_ptr<const StrictMode> StrictGate::find(Engine& engine, std::string_view name) {
  if (loaded_.load(std::memory_order_acquire) != wanted_.load(std::memory_order_acquire)) load_all(engine);
  if (!any_.load(std::memory_order_relaxed)) return nullptr;
  const auto collection = engine.resolve_name(name);
  const std::lock_guard lock(mutex_);
  const auto found = collection ? modes_.find(*collection) : modes_.end();
  return found == modes_.end() ? nullptr : found->second;
}

// Requests wait for who loads: none passes unchecked meanwhile.
void StrictGate::load_all(Engine& engine) {
  const std::lock_guard lock(loading_);
  const std::uint64_t wanted = wanted_.load();
  if (loaded_.load() == wanted) return;
  for (const std::string& name : engine.collection_names()) reload(engine, name);
  loaded_.store(wanted, std::memory_order_release);
}

void StrictGate::reload(Engine& engine, const std::string& name) {
  const std::string collection = engine.resolve_name(name).value_or(name);
  const Result<CollectionInfo> info = engine.collection_info(collection);
  std::shared_ptr<StrictMode> mode;
  if (info) {
    const auto settings = CollectionSettings::from_json(info->config.dialect_json);
    if (settings) mode = StrictMode::make(settings->strict_mode_config);
  }
  const std::lock_guard lock(mutex_);
  const auto before = modes_.find(collection);
  if (mode && before != modes_.end()) mode->inherit(*before->second);
  if (mode) {
    modes_.insert_or_assign(collection, std::move(mode));
  } else {
    modes_.erase(collection);
  }
  any_.store(!modes_.empty(), std::memory_order_relaxed);
}

}  // namespace orthant::qdrant
