#include "api/service/access.h"

namespace orthant::service {
namespace {

using enum RouteAccess;
using enum Method;

struct AccessRow {
  Method method;
  std::string_view pattern;
  RouteAccess access;
};

constexpr AccessRow kRows[] = {
    {kGet, "/", kFree},
    {kGet, "/healthz", kFree},
    {kGet, "/livez", kFree},
    {kGet, "/readyz", kFree},
    // Pages without data: what they show they ask for with the reader's key.
    {kGet, "/dashboard", kFree},
    {kGet, "/dashboard/{file}", kFree},
    {kGet, "/docs", kFree},
    {kGet, "/docs/{file}", kFree},
    {kGet, "/openapi.json", kFree},

    {kGet, "/metrics", kReadAll},
    {kGet, "/telemetry", kAny},
    {kGet, "/models", kAny},
    {kGet, "/issues", kAny},
    {kDelete, "/issues", kManage},
    {kGet, "/quotas", kReadAll},
    {kPut, "/quotas", kManage},
    {kGet, "/logger", kReadAll},
    {kPost, "/logger", kManage},
    {kGet, "/profiler/slow_requests", kReadAll},

    {kGet, "/cluster", kReadAll},
    {kGet, "/cluster/telemetry", kAny},
    {kPost, "/cluster/recover", kManage},
    {kDelete, "/cluster/peer/{peer_id}", kManage},

    {kGet, "/collections", kAny},
    {kGet, "/collections/{collection}", kReadCollection},
    {kPut, "/collections/{collection}", kManage},
    {kPatch, "/collections/{collection}", kManage},
    {kDelete, "/collections/{collection}", kManage},
    {kGet, "/collections/{collection}/exists", kReadCollection},
    {kGet, "/collections/{collection}/cluster", kReadCollection},
    {kPost, "/collections/{collection}/cluster", kManage},
    {kGet, "/collections/{collection}/optimizations", kReadCollection},
    {kGet, "/collections/{collection}/memory", kReadCollection},
    {kGet, "/collections/{collection}/quality", kReadCollection},
    {kPost, "/collections/{collection}/quality", kReadCollection},
    {kGet, "/collections/{collection}/reembed", kReadCollection},
    {kPost, "/collections/{collection}/reembed", kWriteCollection},
    {kDelete, "/collections/{collection}/reembed", kWriteCollection},
    {kPut, "/collections/{collection}/index", kWriteCollection},
    {kDelete, "/collections/{collection}/index/{field_name}", kWriteCollection},
    {kPut, "/collections/{collection}/vectors/{vector_name}", kWriteCollection},
    {kDelete, "/collections/{collection}/vectors/{vector_name}", kWriteCollection},

    {kGet, "/aliases", kAny},
    {kPost, "/collections/aliases", kManage},
    {kGet, "/collections/{collection}/aliases", kReadCollection},

    {kGet, "/collections/{collection}/points/{id}", kReadCollection},
    {kPost, "/collections/{collection}/points", kReadCollection},
    {kPut, "/collections/{collection}/points", kWritePoints},
    {kPost, "/collections/{collection}/points/batch", kWritePoints},
    {kPost, "/collections/{collection}/points/delete", kWritePoints},
    {kPut, "/collections/{collection}/points/vectors", kWritePoints},
    {kPost, "/collections/{collection}/points/vectors/delete", kWritePoints},
    {kPost, "/collections/{collection}/points/payload", kWritePoints},
    {kPut, "/collections/{collection}/points/payload", kWritePoints},
    {kPost, "/collections/{collection}/points/payload/delete", kWritePoints},
    {kPost, "/collections/{collection}/points/payload/clear", kWritePoints},
    {kPost, "/collections/{collection}/documents", kWritePoints},
    {kGet, "/collections/{collection}/documents", kReadCollection},
    {kGet, "/collections/{collection}/documents/{operation}", kReadCollection},

    {kPost, "/collections/{collection}/points/scroll", kReadCollection},
    {kPost, "/collections/{collection}/points/count", kReadCollection},
    {kPost, "/collections/{collection}/points/query", kReadCollection},
    {kPost, "/collections/{collection}/points/query/batch", kReadCollection},
    {kPost, "/collections/{collection}/points/query/groups", kReadCollection},
    {kPost, "/collections/{collection}/points/search", kReadCollection},
    {kPost, "/collections/{collection}/points/search/batch", kReadCollection},
    {kPost, "/collections/{collection}/points/search/groups", kReadCollection},
    {kPost, "/collections/{collection}/points/search/matrix/pairs", kReadCollection},
    {kPost, "/collections/{collection}/points/search/matrix/offsets", kReadCollection},
    {kPost, "/collections/{collection}/points/recommend", kReadCollection},
    {kPost, "/collections/{collection}/points/recommend/batch", kReadCollection},
    {kPost, "/collections/{collection}/points/recommend/groups", kReadCollection},
    {kPost, "/collections/{collection}/points/discover", kReadCollection},
    {kPost, "/collections/{collection}/points/discover/batch", kReadCollection},
    {kPost, "/collections/{collection}/facet", kReadCollection},
    {kGet, "/collections/{collection}/projection", kReadCollection},
    {kPost, "/collections/{collection}/projection", kReadCollection},

    {kGet, "/collections/{collection}/snapshots", kReadWhole},
    {kPost, "/collections/{collection}/snapshots", kWriteCollection},
    {kPost, "/collections/{collection}/snapshots/upload", kManage},
    {kPut, "/collections/{collection}/snapshots/recover", kManage},
    {kGet, "/collections/{collection}/snapshots/{snapshot_name}", kReadWhole},
    {kDelete, "/collections/{collection}/snapshots/{snapshot_name}", kWriteCollection},
    {kGet, "/snapshots", kReadAll},
    {kPost, "/snapshots", kManage},
    {kPost, "/snapshots/upload", kManage},
    {kPut, "/snapshots/recover", kManage},
    {kGet, "/snapshots/{snapshot_name}", kReadAll},
    {kDelete, "/snapshots/{snapshot_name}", kManage},

    {kGet, "/collections/{collection}/shards", kReadCollection},
    {kPut, "/collections/{collection}/shards", kManage},
    {kPost, "/collections/{collection}/shards/delete", kManage},
    {kGet, "/collections/{collection}/shards/{shard_id}/snapshot", kWriteCollection},
    {kGet, "/collections/{collection}/shards/{shard_id}/snapshots", kReadWhole},
    {kPost, "/collections/{collection}/shards/{shard_id}/snapshots", kWriteCollection},
    {kPost, "/collections/{collection}/shards/{shard_id}/snapshots/upload", kManage},
    {kPut, "/collections/{collection}/shards/{shard_id}/snapshots/recover", kManage},
    {kGet, "/collections/{collection}/shards/{shard_id}/snapshots/{snapshot_name}", kReadWhole},
    {kDelete, "/collections/{collection}/shards/{shard_id}/snapshots/{snapshot_name}", kWriteCollection},

    // Models work for whoever has a key: nothing that is stored is read.
    {kGet, "/v1/models", kAny},
    {kGet, "/v1/models/{model}", kAny},
    {kPost, "/v1/embeddings", kAny},
    {kPost, "/embed", kAny},
    {kPost, "/embed_sparse", kAny},
    {kPost, "/rerank", kAny},
    {kPost, "/v1/rerank", kAny},
    {kPost, "/v2/rerank", kAny},
    {kGet, "/info", kAny},
};

}  // namespace

std::optional<RouteAccess> access_of(Method method, std::string_view pattern) {
  for (const AccessRow& row : kRows) {
    if (row.method == method && row.pattern == pattern) return row.access;
  }
  return std::nullopt;
}

}  // namespace orthant::service
