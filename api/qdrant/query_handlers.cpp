// Handlers of queries in all their forms: by tree, in batches, in groups, and the older endpoints; facets and distance matrices.

#include <algorithm>

#include <fmt/format.h>

#include "api/qdrant/handlers.h"
#include "api/qdrant/parse_query.h"
#include "api/qdrant/parse_read.h"
#include "api/qdrant/prepare_read.h"
#include "api/qdrant/render.h"

namespace orthant::qdrant {
namespace {

// How the points of several queries are laid out in "result".
enum class Layout {
  kOnePoints,   // {"points": [..]}
  kListPoints,  // [{"points": [..]}, ..]
  kOneBare,     // [..], as the older searches answer
  kListBare,    // [[..], ..]
};

void write_query_results(JsonWriter& json, const std::vector<QueryResult>& results, Layout layout) {
  const bool list = layout == Layout::kListPoints || layout == Layout::kListBare;
  const bool bare = layout == Layout::kOneBare || layout == Layout::kListBare;
  if (list) json.begin_array();
  for (const QueryResult& result : results) {
    if (!bare) json.begin_object().key("points");
    write_scored_points(json, result.points);
    if (!bare && result.reranked) json.key("reranked").number(*result.reranked);
    if (!bare && result.query_truncated) json.key("query_truncated").boolean(true);
    if (!bare && result.explanation) write_explanation(json.key("explain"), *result.explanation);
    if (!bare) json.end_object();
  }
  if (list) json.end_array();
}

// Bare lists have no room for it: it stands beside "result", a list where that holds several.
void write_explanations_of_bare(JsonWriter& json, const std::vector<QueryResult>& results, Layout layout) {
  const auto asked = [](const QueryResult& result) { return result.explanation.has_value(); };
  if (std::ranges::none_of(results, asked)) return;
  json.key("explain");
  if (layout == Layout::kOneBare) return write_explanation(json, *results.front().explanation);
  json.begin_array();
  for (const QueryResult& result : results) {
    if (result.explanation) {
      write_explanation(json, *result.explanation);
    } else {
      json.null();
    }
  }
  json.end_array();
}

Response render_queries(Clock::time_point received, const std::vector<QueryResult>& results, Layout layout) {
  TokenCounts tokens;
  for (const QueryResult& result : results) {
    for (const auto& [model, count] : result.tokens_by_model) tokens[model] += count;
  }
  const bool bare = layout == Layout::kOneBare || layout == Layout::kListBare;
  const auto write = [&](JsonWriter& json) {
    write_query_results(json, results, layout);
    if (bare) write_explanations_of_bare(json, results, layout);
  };
  return ok_response(received, write, tokens);
}

// Qdrant's own path of the limit of a query.
Status check_limit(JsonValue body) {
  const auto limit = body.find("limit");
  if (limit && limit->raw() == "0") return json_validation_error("internal.limit: value 0 invalid, must be 1 or larger");
  return {};
}

Result<std::vector<QueryRequest>> parse_one_query(JsonValue body) {
  ORTHANT_TRY(check_limit(body));
  std::vector<QueryRequest> queries;
  queries.push_back(ORTHANT_TRY(parse_query(body)));
  return queries;
}

template <ParseQuery parse>
Result<std::vector<QueryRequest>> parse_one(JsonValue body) {
  std::vector<QueryRequest> queries;
  queries.push_back(ORTHANT_TRY(parse(body)));
  return queries;
}

template <ParseQuery parse>
Result<std::vector<QueryRequest>> parse_many(JsonValue body) {
  return parse_batch(body, parse);
}

Awaitable<Response> run_queries(Engine& engine, Request& request, Result<std::vector<QueryRequest>> (*parse)(JsonValue),
                                Layout layout) {
  auto prepared = co_await prepare(engine, request, parse);
  if (!prepared) co_return error_response(prepared.error());
  if (prepared->parsed.empty()) co_return render_queries(request.received, {}, layout);
  auto start = [&](Done<std::vector<QueryResult>> done) {
    engine.query(std::move(prepared->collection), std::move(prepared->parsed), std::move(prepared->context), std::move(done));
  };
  auto render = [received = request.received, layout](const std::vector<QueryResult>& results) {
    return render_queries(received, results, layout);
  };
  co_return co_await respond_with<std::vector<QueryResult>>(start, render, error_response);
}

Awaitable<Response> run_groups(Engine& engine, Request& request, Result<GroupsRequest> (*parse)(JsonValue)) {
  auto prepared = co_await prepare(engine, request, parse);
  if (!prepared) co_return error_response(prepared.error());
  auto start = [&](Done<GroupsResult> done) {
    engine.query_groups(std::move(prepared->collection), std::move(prepared->parsed), std::move(prepared->context),
                        std::move(done));
  };
  auto render = [received = request.received](const GroupsResult& result) {
    return ok_response(received, [&](JsonWriter& json) { write_groups(json, result.groups); }, result.tokens_by_model);
  };
  co_return co_await respond_with<GroupsResult>(start, render, error_response);
}

Awaitable<Response> run_matrix(Engine& engine, Request& request, void (*write)(JsonWriter&, const MatrixResult&)) {
  auto prepared = co_await prepare(engine, request, parse_matrix);
  if (!prepared) co_return error_response(prepared.error());
  auto start = [&](Done<MatrixResult> done) {
    engine.search_matrix(std::move(prepared->collection), std::move(prepared->parsed), std::move(prepared->context),
                         std::move(done));
  };
  auto render = [received = request.received, write](const MatrixResult& result) {
    return ok_response(received, [&](JsonWriter& json) { write(json, result); });
  };
  co_return co_await respond_with<MatrixResult>(start, render, error_response);
}

}  // namespace

Awaitable<Response> query_points(Engine& engine, Request& request) {
  return run_queries(engine, request, parse_one_query, Layout::kOnePoints);
}
Awaitable<Response> query_batch(Engine& engine, Request& request) {
  return run_queries(engine, request, parse_many<parse_query>, Layout::kListPoints);
}
Awaitable<Response> query_groups(Engine& engine, Request& request) {
  return run_groups(engine, request, parse_query_groups);
}
Awaitable<Response> search_points(Engine& engine, Request& request) {
  return run_queries(engine, request, parse_one<parse_search>, Layout::kOneBare);
}
Awaitable<Response> search_batch(Engine& engine, Request& request) {
  return run_queries(engine, request, parse_many<parse_search>, Layout::kListBare);
}
Awaitable<Response> search_groups(Engine& engine, Request& request) {
  return run_groups(engine, request, parse_search_groups);
}
Awaitable<Response> recommend_points(Engine& engine, Request& request) {
  return run_queries(engine, request, parse_one<parse_recommend>, Layout::kOneBare);
}
Awaitable<Response> recommend_batch(Engine& engine, Request& request) {
  return run_queries(engine, request, parse_many<parse_recommend>, Layout::kListBare);
}
Awaitable<Response> recommend_groups(Engine& engine, Request& request) {
  return run_groups(engine, request, parse_recommend_groups);
}
Awaitable<Response> discover_points(Engine& engine, Request& request) {
  return run_queries(engine, request, parse_one<parse_discover>, Layout::kOneBare);
}
Awaitable<Response> discover_batch(Engine& engine, Request& request) {
  return run_queries(engine, request, parse_many<parse_discover>, Layout::kListBare);
}

Awaitable<Response> search_matrix_pairs(Engine& engine, Request& request) {
  return run_matrix(engine, request, write_matrix_pairs);
}
Awaitable<Response> search_matrix_offsets(Engine& engine, Request& request) {
  return run_matrix(engine, request, write_matrix_offsets);
}

Awaitable<Response> facet_counts(Engine& engine, Request& request) {
  auto prepared = co_await prepare(engine, request, parse_facet);
  if (!prepared) co_return error_response(prepared.error());
  auto start = [&](Done<std::vector<FacetHit>> done) {
    engine.facet(std::move(prepared->collection), std::move(prepared->parsed), std::move(prepared->context), std::move(done));
  };
  auto render = [received = request.received](const std::vector<FacetHit>& hits) {
    return ok_response(received, [&](JsonWriter& json) { write_facet(json, hits); });
  };
  co_return co_await respond_with<std::vector<FacetHit>>(start, render, error_response);
}

}  // namespace orthant::qdrant
