#include "api/qdrant/routes.h"

#include <array>

#include <fmt/format.h>

#include "api/qdrant/envelope.h"
#include "api/qdrant/handlers.h"
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
    HandlerRow{Method::kGet, "/issues", list_issues},
    HandlerRow{Method::kDelete, "/issues", clear_issues},
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

// The row's handler behind strict mode.
Handler gated(const ApiContext& context, const std::shared_ptr<StrictGate>& gate, Method method, std::string_view pattern,
              EngineHandler handler) {
  Handler plain = with_engine(context, handler, error_response);
  const StrictRule rule = strict_rule(method, pattern);
  if (rule.use == StrictUse::kNone) return plain;
  return [&context, gate, rule, plain = std::move(plain)](Request& request) {
    Engine* engine = context.engine.load(std::memory_order_acquire);
    return engine == nullptr ? plain(request) : gate->pass(*engine, request, rule, plain);
  };
}

}  // namespace

void add_routes(Router& router, const ApiContext& context) {
  const auto gate = std::make_shared<StrictGate>();
  for (const HandlerRow& row : kRows) {
    router.add({row.method, row.pattern, gated(context, gate, row.method, row.pattern, row.handler), error_response});
  }
  for (const char* root : kSnapshotRoots) {
    for (const SnapshotRow& row : kSnapshotRows) {
      const std::string pattern = std::string(root) + row.ending;
      router.add({row.method, pattern, gated(context, gate, row.method, pattern, row.handler), error_response, row.body});
    }
  }
  for (const ClusterRow& row : kClusterOnly) router.add({row.method, row.pattern, refuse_cluster_call, error_response});
  router.add({Method::kGet, "/cluster/telemetry", fixed_result(R"({"collections":{},"cluster":{"enabled":false,"peers":{}}})"),
              error_response});
  router.add({Method::kGet, "/cluster", fixed_result(R"({"status":"disabled"})"), error_response});
}

}  // namespace orthant::qdrant
