#include "api/qdrant/routes.h"

#include <array>

#include <fmt/format.h>

#include "api/qdrant/envelope.h"
#include "api/qdrant/handlers.h"
#include "api/qdrant/issues.h"
#include "api/qdrant/strict_gate.h"

namespace orthant::qdrant {
namespace {

struct HandlerRow {
  Method method;
  const char* pattern;
  EngineHandler handler;
};

constexpr std::array kRows = {
    HandlerRow{Method::kGet, "/collections", list_collections},
    HandlerRow{Method::kGet, "/collections/{collection}", get_collection},
    HandlerRow{Method::kPut, "/collections/{collection}", create_collection},
    HandlerRow{Method::kPatch, "/collections/{collection}", update_collection},
    HandlerRow{Method::kDelete, "/collections/{collection}", delete_collection},
    HandlerRow{Method::kGet, "/collections/{collection}/exists", collection_exists},
    HandlerRow{Method::kGet, "/collections/{collection}/cluster", collection_cluster},
    HandlerRow{Method::kPut, "/collections/{collection}/index", create_field_index},
    HandlerRow{Method::kDelete, "/collections/{collection}/index/{field_name}", delete_field_index},
    HandlerRow{Method::kGet, "/collections/{collection}/optimizations", get_optimizations},
    HandlerRow{Method::kGet, "/quotas", get_quotas},
    HandlerRow{Method::kPut, "/quotas", set_quotas},
    HandlerRow{Method::kPut, "/collections/{collection}/vectors/{vector_name}", create_vector},
    HandlerRow{Method::kDelete, "/collections/{collection}/vectors/{vector_name}", delete_vector},
    HandlerRow{Method::kGet, "/aliases", list_aliases},
    HandlerRow{Method::kGet, "/collections/{collection}/aliases", list_aliases},
    HandlerRow{Method::kPost, "/collections/aliases", update_aliases},
    HandlerRow{Method::kGet, "/collections/{collection}/shards/{shard_id}/snapshot", stream_shard_snapshot},
    HandlerRow{Method::kPut, "/collections/{collection}/points", upsert_points},
    HandlerRow{Method::kPost, "/collections/{collection}/points", retrieve_points},
    HandlerRow{Method::kGet, "/collections/{collection}/points/{id}", get_point},
    HandlerRow{Method::kPost, "/collections/{collection}/points/delete", delete_points},
    HandlerRow{Method::kPut, "/collections/{collection}/points/vectors", update_vectors},
    HandlerRow{Method::kPost, "/collections/{collection}/points/vectors/delete", delete_vectors},
    HandlerRow{Method::kPost, "/collections/{collection}/points/payload", set_payload},
    HandlerRow{Method::kPut, "/collections/{collection}/points/payload", overwrite_payload},
    HandlerRow{Method::kPost, "/collections/{collection}/points/payload/delete", delete_payload},
    HandlerRow{Method::kPost, "/collections/{collection}/points/payload/clear", clear_payload},
    HandlerRow{Method::kPost, "/collections/{collection}/points/batch", write_batch},
    HandlerRow{Method::kPost, "/collections/{collection}/points/scroll", scroll_points},
    HandlerRow{Method::kPost, "/collections/{collection}/points/count", count_points},
    HandlerRow{Method::kPost, "/collections/{collection}/points/query", query_points},
    HandlerRow{Method::kPost, "/collections/{collection}/points/query/batch", query_batch},
    HandlerRow{Method::kPost, "/collections/{collection}/points/search", search_points},
    HandlerRow{Method::kPost, "/collections/{collection}/points/search/batch", search_batch},
    HandlerRow{Method::kPost, "/collections/{collection}/points/query/groups", query_groups},
    HandlerRow{Method::kPost, "/collections/{collection}/points/search/groups", search_groups},
    HandlerRow{Method::kPost, "/collections/{collection}/points/recommend", recommend_points},
    HandlerRow{Method::kPost, "/collections/{collection}/points/recommend/batch", recommend_batch},
    HandlerRow{Method::kPost, "/collections/{collection}/points/recommend/groups", recommend_groups},
    HandlerRow{Method::kPost, "/collections/{collection}/points/discover", discover_points},
    HandlerRow{Method::kPost, "/collections/{collection}/points/discover/batch", discover_batch},
    HandlerRow{Method::kPost, "/collections/{collection}/points/search/matrix/pairs", search_matrix_pairs},
    HandlerRow{Method::kPost, "/collections/{collection}/points/search/matrix/offsets", search_matrix_offsets},
    HandlerRow{Method::kPost, "/collections/{collection}/facet", facet_counts},
};

// Under each of these: of one collection, of its one shard, of the daemon.
constexpr std::array kSnapshotRoots = {"/collections/{collection}/snapshots",
                                       "/collections/{collection}/shards/{shard_id}/snapshots", "/snapshots"};
struct SnapshotRow {
  Method method;
  const char* ending;
  EngineHandler handler;
  BodyUse body = BodyUse::kWhole;
};
constexpr std::array kSnapshotRows = {
    SnapshotRow{Method::kGet, "", list_snapshots},
    SnapshotRow{Method::kPost, "", create_snapshot},
    SnapshotRow{Method::kGet, "/{snapshot_name}", download_snapshot},
    SnapshotRow{Method::kDelete, "/{snapshot_name}", delete_snapshot},
    SnapshotRow{Method::kPut, "/recover", recover_snapshot},
    SnapshotRow{Method::kPost, "/upload", upload_snapshot, BodyUse::kStream},
};

struct ClusterRow {
  Method method;
  const char* pattern;
};

// Cluster calls that a single node refuses as Qdrant does.
constexpr std::array kClusterOnly = {
    ClusterRow{Method::kPut, "/collections/{collection}/shards"},
    ClusterRow{Method::kGet, "/collections/{collection}/shards"},
    ClusterRow{Method::kPost, "/collections/{collection}/shards/delete"},
    ClusterRow{Method::kPost, "/collections/{collection}/cluster"},
    ClusterRow{Method::kPost, "/cluster/recover"},
    ClusterRow{Method::kDelete, "/cluster/peer/{peer_id}"},
};

Handler fixed_result(const char* result) {
  return [result](Request& request) {
    return immediate_response(ok_response(request.received, [&](JsonWriter& json) { json.raw(result); }));
  };
}

Awaitable<Response> refuse_cluster_call(Request&) {
  Response response = error_response(bad_request("Qdrant is running in standalone mode").error());
  response.status = 405;
  co_return response;
}

Response list_issues(const ApiContext& context, Issues& issues, Request& request) {
  Engine* engine = context.engine.load(std::memory_order_acquire);
  return ok_response(request.received, [&](JsonWriter& json) {
    json.begin_object().key("issues").begin_array();
    if (engine != nullptr) issues.write(json, *engine, request.grants.get());
    json.end_array().end_object();
  });
}

bool may_change_indexes(const StrictRule& rule) {
  return rule.use == StrictUse::kConfiguration || rule.use == StrictUse::kNewFieldIndex || rule.operation == "delete_index";
}

Awaitable<Response> pass_and_forget(std::shared_ptr<Issues> issues, Awaitable<Response> answer) {
  Response response = co_await std::move(answer);
  issues->forget_indexes();
  co_return response;
}

// The row's handler behind strict mode; reads tell of filters without an index.
Handler gated(const ApiContext& context, const std::shared_ptr<StrictGate>& gate, const std::shared_ptr<Issues>& issues,
              Method method, std::string_view pattern, EngineHandler handler) {
  Handler plain = with_engine(context, handler, error_response);
  const StrictRule rule = strict_rule(method, pattern);
  if (rule.use == StrictUse::kNone) return plain;
  return [&context, gate, issues, rule, plain = std::move(plain)](Request& request) {
    Engine* engine = context.engine.load(std::memory_order_acquire);
    if (engine != nullptr && rule.use == StrictUse::kRead) issues->look_at(*engine, request);
    if (engine == nullptr) return plain(request);
    Awaitable<Response> answer = gate->pass(*engine, request, rule, plain);
    return may_change_indexes(rule) ? pass_and_forget(issues, std::move(answer)) : std::move(answer);
  };
}

}  // namespace

void add_routes(Router& router, const ApiContext& context) {
  const auto gate = std::make_shared<StrictGate>();
  const auto issues = std::make_shared<Issues>();
  for (const HandlerRow& row : kRows) {
    router.add({row.method, row.pattern, gated(context, gate, issues, row.method, row.pattern, row.handler), error_response});
  }
  for (const char* root : kSnapshotRoots) {
    for (const SnapshotRow& row : kSnapshotRows) {
      const std::string pattern = std::string(root) + row.ending;
      router.add({row.method, pattern, gated(context, gate, issues, row.method, pattern, row.handler), error_response, row.body});
    }
  }
  for (const ClusterRow& row : kClusterOnly) router.add({row.method, row.pattern, refuse_cluster_call, error_response});
  router.add({Method::kGet, "/issues",
              [&context, issues](Request& request) { return immediate_response(list_issues(context, *issues, request)); },
              error_response});
  router.add({Method::kDelete, "/issues",
              [issues](Request& request) {
                issues->clear();
                return immediate_response(ok_true(request.received));
              },
              error_response});
  router.add({Method::kGet, "/cluster/telemetry", fixed_result(R"({"collections":{},"cluster":{"enabled":false,"peers":{}}})"),
              error_response});
  router.add({Method::kGet, "/cluster", fixed_result(R"({"status":"disabled"})"), error_response});
}

}  // namespace orthant::qdrant
