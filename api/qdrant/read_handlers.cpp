#include <algorithm>

#include <fmt/format.h>

#include "api/qdrant/handlers.h"
#include "api/qdrant/parse_fields.h"
#include "api/qdrant/parse_read.h"
#include "api/qdrant/point_bytes.h"
#include "api/qdrant/prepare_read.h"
#include "api/qdrant/render.h"
#include "base/parse_number.h"

namespace orthant::qdrant {
namespace {

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
  if (const auto number = parse_number<std::uint64_t>(text)) return PointId::number(*number);
  if (const auto uuid = PointId::parse_uuid(text)) return *uuid;
  return bad_request(fmt::format("Can not recognize \"{}\" as point id", text));
}

}  // namespace

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
