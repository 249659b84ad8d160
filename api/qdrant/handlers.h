#pragma once
// Handlers of the Qdrant dialect (routes.cpp says which path each serves): parse, call the engine, render. They run on io threads;
// long parsing goes to the engine's request pool and rendering happens on the engine's threads.

#include <type_traits>
#include <utility>

#include "api/api_context.h"
#include "api/json/json_reader.h"
#include "api/qdrant/envelope.h"

namespace orthant::qdrant {

Awaitable<Response> list_collections(Engine& engine, Request& request);
Awaitable<Response> get_collection(Engine& engine, Request& request);
Awaitable<Response> create_collection(Engine& engine, Request& request);
Awaitable<Response> update_collection(Engine& engine, Request& request);
Awaitable<Response> delete_collection(Engine& engine, Request& request);
Awaitable<Response> collection_exists(Engine& engine, Request& request);
Awaitable<Response> collection_cluster(Engine& engine, Request& request);
Awaitable<Response> create_field_index(Engine& engine, Request& request);
Awaitable<Response> delete_field_index(Engine& engine, Request& request);
Awaitable<Response> create_vector(Engine& engine, Request& request);
Awaitable<Response> delete_vector(Engine& engine, Request& request);
Awaitable<Response> list_aliases(Engine& engine, Request& request);
Awaitable<Response> update_aliases(Engine& engine, Request& request);

Awaitable<Response> get_quotas(Engine& engine, Request& request);
Awaitable<Response> set_quotas(Engine& engine, Request& request);
Awaitable<Response> get_optimizations(Engine& engine, Request& request);
Awaitable<Response> list_issues(Engine& engine, Request& request);
Awaitable<Response> clear_issues(Engine& engine, Request& request);

Awaitable<Response> list_snapshots(Engine& engine, Request& request);
Awaitable<Response> create_snapshot(Engine& engine, Request& request);
Awaitable<Response> delete_snapshot(Engine& engine, Request& request);
Awaitable<Response> download_snapshot(Engine& engine, Request& request);
Awaitable<Response> recover_snapshot(Engine& engine, Request& request);
Awaitable<Response> upload_snapshot(Engine& engine, Request& request);
Awaitable<Response> stream_shard_snapshot(Engine& engine, Request& request);

Awaitable<Response> upsert_points(Engine& engine, Request& request);
Awaitable<Response> delete_points(Engine& engine, Request& request);
Awaitable<Response> update_vectors(Engine& engine, Request& request);
Awaitable<Response> delete_vectors(Engine& engine, Request& request);
Awaitable<Response> set_payload(Engine& engine, Request& request);
Awaitable<Response> overwrite_payload(Engine& engine, Request& request);
Awaitable<Response> delete_payload(Engine& engine, Request& request);
Awaitable<Response> clear_payload(Engine& engine, Request& request);
Awaitable<Response> write_batch(Engine& engine, Request& request);

Awaitable<Response> query_points(Engine& engine, Request& request);
Awaitable<Response> query_batch(Engine& engine, Request& request);
Awaitable<Response> query_groups(Engine& engine, Request& request);
Awaitable<Response> search_points(Engine& engine, Request& request);
Awaitable<Response> search_batch(Engine& engine, Request& request);
Awaitable<Response> search_groups(Engine& engine, Request& request);
Awaitable<Response> recommend_points(Engine& engine, Request& request);
Awaitable<Response> recommend_batch(Engine& engine, Request& request);
Awaitable<Response> recommend_groups(Engine& engine, Request& request);
Awaitable<Response> discover_points(Engine& engine, Request& request);
Awaitable<Response> discover_batch(Engine& engine, Request& request);
Awaitable<Response> search_matrix_pairs(Engine& engine, Request& request);
Awaitable<Response> search_matrix_offsets(Engine& engine, Request& request);
Awaitable<Response> facet_counts(Engine& engine, Request& request);
Awaitable<Response> scroll_points(Engine& engine, Request& request);
Awaitable<Response> count_points(Engine& engine, Request& request);
Awaitable<Response> retrieve_points(Engine& engine, Request& request);
Awaitable<Response> get_point(Engine& engine, Request& request);

// Bodies from this size on are parsed on the request pool.
inline constexpr std::size_t kOffloadBytes = std::size_t{64} << 10;

// Takes the request's body and gives what parse(JsonValue root) makes of it, a Result.
template <typename Parse>
auto parse_text(std::string text, const Parse& parse) -> std::invoke_result_t<const Parse&, JsonValue> {
  const JsonDocument document = ORTHANT_TRY(JsonDocument::parse(std::move(text)));
  return parse(document.root());
}

template <typename Parse, typename Answer = std::invoke_result_t<const Parse&, JsonValue>>
Awaitable<Answer> parse_content(Engine& engine, Request& request, Parse parse) {
  if (request.content.size() < kOffloadBytes) co_return parse_text(std::move(request.content), parse);
  auto work = [text = std::move(request.content), parse = std::move(parse)]() mutable {
    return parse_text(std::move(text), parse);
  };
  co_return co_await run_on<typename Answer::value_type>(engine.request_pool(), std::move(work));
}

}  // namespace orthant::qdrant
