#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "api/qdrant/handlers.h"
#include "api/qdrant/parse_fields.h"
#include "api/qdrant/parse_read.h"
#include "api/qdrant/point_bytes.h"
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

Result<RequestContext> read_context(const Engine& engine, const Request& request) {
  RequestContext context = request_context(engine, request);
  const auto timeout = ORTHANT_TRY(parse_timeout(request));
  if (timeout) context.deadline = request.received + *timeout;
  return context;
}

// What every read needs before it reaches the engine: the collection, the parsed body, the deadline.
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

Result<std::vector<QueryRequest>> parse_one_query(JsonValue body) {
  std::vector<QueryRequest> queries;
  queries.push_back(ORTHANT_TRY(parse_query(body)));
  return queries;
}

Result<std::vector<QueryRequest>> parse_one_search(JsonValue body) {
  std::vector<QueryRequest> queries;
  queries.push_back(ORTHANT_TRY(parse_search(body)));
  return queries;
}

Awaitable<Response> run_queries(Engine& engine, Request& request, Result<std::vector<QueryRequest>> (*parse)(JsonValue),
                                Layout layout) {
  auto prepared = co_await prepare(engine, request, parse);
  if (!prepared) co_return error_response(prepared.error());
  auto start = [&](Done<std::vector<QueryResult>> done) {
    engine.query(std::move(prepared->collection), std::move(prepared->parsed), std::move(prepared->context), std::move(done));
  };
  auto render = [received = request.received, layout](const std::vector<QueryResult>& results) {
    return render_queries(received, results, layout);
  };
  co_return co_await respond_with<std::vector<QueryResult>>(start, render, error_response);
}

Response render_as_bytes(const ScrollResult& result) {
  auto page = render_points(result.points);
  if (!page) return error_response(page.error());
  Response response;
  response.content_type = kPointsContentType;
  response.body = std::move(page->body);
  response.headers.emplace_back(kLeftOutHeader, std::to_string(page->left_out));
  if (result.next) {
    std::string next;
    JsonWriter json(next);
    write_point_id(json, *result.next);
    response.headers.emplace_back(kNextOffsetHeader, std::move(next));
  }
  return response;
}

Result<PointId> parse_path_id(std::string_view text) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size()) return PointId::number(number);
  if (const auto uuid = PointId::parse_uuid(text)) return *uuid;
  return bad_request(fmt::format("Can not recognize \"{}\" as point id", text));
}

}  // namespace

Awaitable<Response> query_points(Engine& engine, Request& request) {
  return run_queries(engine, request, parse_one_query, Layout::kOnePoints);
}
Awaitable<Response> query_batch(Engine& engine, Request& request) {
  return run_queries(engine, request, parse_query_batch, Layout::kListPoints);
}
Awaitable<Response> search_points(Engine& engine, Request& request) {
  return run_queries(engine, request, parse_one_search, Layout::kOneBare);
}
Awaitable<Response> search_batch(Engine& engine, Request& request) {
  return run_queries(engine, request, parse_search_batch, Layout::kListBare);
}

Awaitable<Response> scroll_points(Engine& engine, Request& request) {
  auto prepared = co_await prepare(engine, request, parse_scroll);
  if (!prepared) co_return error_response(prepared.error());
  auto start = [&](Done<ScrollResult> done) {
    engine.scroll(std::move(prepared->collection), std::move(prepared->parsed), std::move(prepared->context), std::move(done));
  };
  auto render = [received = request.received,
                 as_bytes = request.headers.find("accept") == kPointsContentType](const ScrollResult& result) {
    if (as_bytes) return render_as_bytes(result);
    return ok_response(received, [&](JsonWriter& json) {
      write_records(json.begin_object().key("points"), result.points);
      json.key("next_page_offset");
      if (result.next) {
        write_point_id(json, *result.next);
      } else {
        json.null();
      }
      json.end_object();
    });
  };
  co_return co_await respond_with<ScrollResult>(start, render, error_response);
}

Awaitable<Response> count_points(Engine& engine, Request& request) {
  auto prepared = co_await prepare(engine, request, parse_count);
  if (!prepared) co_return error_response(prepared.error());
  auto start = [&](Done<std::uint64_t> done) {
    engine.count(std::move(prepared->collection), std::move(prepared->parsed), std::move(prepared->context), std::move(done));
  };
  auto render = [received = request.received](std::uint64_t count) {
    return ok_response(received, [&](JsonWriter& json) { json.begin_object().key("count").number(count).end_object(); });
  };
  co_return co_await respond_with<std::uint64_t>(start, render, error_response);
}

Awaitable<Response> retrieve_points(Engine& engine, Request& request) {
  auto prepared = co_await prepare(engine, request, parse_retrieve);
  if (!prepared) co_return error_response(prepared.error());
  auto start = [&](Done<std::vector<Record>> done) {
    engine.retrieve(std::move(prepared->collection), std::move(prepared->parsed), std::move(prepared->context), std::move(done));
  };
  auto render = [received = request.received](const std::vector<Record>& records) {
    return ok_response(received, [&](JsonWriter& json) { write_records(json, records); });
  };
  co_return co_await respond_with<std::vector<Record>>(start, render, error_response);
}

Awaitable<Response> get_point(Engine& engine, Request& request) {
  const std::string name(request.path_value("collection"));
  if (!engine.has_collection(name)) co_return error_response(no_such_collection(name).error());
  const Result<PointId> id = parse_path_id(request.path_value("id"));
  if (!id) co_return error_response(id.error());
  Result<RequestContext> context = read_context(engine, request);
  if (!context) co_return error_response(context.error());
  RetrieveRequest wanted;
  wanted.ids = {*id};
  wanted.payload.enabled = true;
  wanted.vectors.enabled = true;
  auto start = [&](Done<std::vector<Record>> done) {
    engine.retrieve(name, std::move(wanted), std::move(*context), std::move(done));
  };
  auto render = [received = request.received, id = *id](const std::vector<Record>& records) {
    if (records.empty()) return error_response({ErrorCode::kNotFound, fmt::format("No point with id {} found", id.to_string())});
    return ok_response(received, [&](JsonWriter& json) { write_record(json, records[0]); });
  };
  co_return co_await respond_with<std::vector<Record>>(start, render, error_response);
}

}  // namespace orthant::qdrant
