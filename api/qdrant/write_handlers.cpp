#include "api/qdrant/handlers.h"
#include "api/qdrant/parse_write.h"
#include "api/qdrant/render.h"

namespace orthant::qdrant {
namespace {

TokenCounts all_tokens(const std::vector<WriteResult>& results) {
  TokenCounts tokens;
  for (const WriteResult& result : results) {
    for (const auto& [model, count] : result.tokens_by_model) tokens[model] += count;
  }
  return tokens;
}

enum class AnswerShape { kOne, kList };

Awaitable<Response> write_parsed(Engine& engine, Request& request, std::vector<WriteRequest> operations, WriteOptions options,
                                 AnswerShape shape) {
  auto start = [&](Done<std::vector<WriteResult>> done) {
    engine.write(std::string(request.path_value("collection")), std::move(operations), options, request_context(engine, request),
                 std::move(done));
  };
  auto render = [received = request.received, shape](const std::vector<WriteResult>& results) {
    const auto write = [&](JsonWriter& json) {
      if (shape == AnswerShape::kList) json.begin_array();
      for (const WriteResult& result : results) write_update_result(json, result);
      if (shape == AnswerShape::kList) json.end_array();
    };
    return ok_response(received, write, all_tokens(results));
  };
  co_return co_await respond_with<std::vector<WriteResult>>(start, render, error_response);
}

// parse(JsonValue) gives the operations.
template <typename Parse>
Awaitable<Response> write_operations(Engine& engine, Request& request, Parse parse, AnswerShape shape) {
  const Result<WriteOptions> options = parse_write_options(request);
  if (!options) co_return error_response(options.error());
  const std::string_view name = request.path_value("collection");
  if (!engine.has_collection(name)) co_return error_response(no_such_collection(name).error());
  Result<std::vector<WriteRequest>> operations = co_await parse_content(engine, request, std::move(parse));
  if (!operations) co_return error_response(operations.error());
  for (const WriteRequest& operation : *operations) {
    if (const Status named = check_has_points(operation); !named) co_return error_response(named.error());
  }
  co_return co_await write_parsed(engine, request, std::move(*operations), *options, shape);
}

template <typename Request_>
auto one_operation(Result<Request_> (*parse)(JsonValue)) {
  return [parse](JsonValue body) -> Result<std::vector<WriteRequest>> {
    std::vector<WriteRequest> operations;
    operations.emplace_back(ORTHANT_TRY(parse(body)));
    return operations;
  };
}

template <typename Request_>
auto one_operation(Result<Request_> (*parse)(JsonValue, const CodeForms&), CodeForms forms) {
  return [parse, forms = std::move(forms)](JsonValue body) -> Result<std::vector<WriteRequest>> {
    std::vector<WriteRequest> operations;
    operations.emplace_back(ORTHANT_TRY(parse(body, forms)));
    return operations;
  };
}

CodeForms forms_of(Engine& engine, const Request& request) {
  const Result<CollectionInfo> info = engine.collection_info(request.path_value("collection"));
  return info ? code_forms_of(info->config) : CodeForms();
}

}  // namespace

Awaitable<Response> upsert_points(Engine& engine, Request& request) {
  return write_operations(engine, request, one_operation(parse_upsert, forms_of(engine, request)), AnswerShape::kOne);
}
Awaitable<Response> update_vectors(Engine& engine, Request& request) {
  return write_operations(engine, request, one_operation(parse_update_vectors, forms_of(engine, request)), AnswerShape::kOne);
}
Awaitable<Response> delete_points(Engine& engine, Request& request) {
  return write_operations(engine, request, one_operation(parse_delete), AnswerShape::kOne);
}
Awaitable<Response> delete_vectors(Engine& engine, Request& request) {
  return write_operations(engine, request, one_operation(parse_delete_vectors), AnswerShape::kOne);
}
Awaitable<Response> set_payload(Engine& engine, Request& request) {
  return write_operations(engine, request, one_operation(parse_set_payload), AnswerShape::kOne);
}
Awaitable<Response> overwrite_payload(Engine& engine, Request& request) {
  return write_operations(engine, request, one_operation(parse_overwrite_payload), AnswerShape::kOne);
}
Awaitable<Response> delete_payload(Engine& engine, Request& request) {
  return write_operations(engine, request, one_operation(parse_delete_payload), AnswerShape::kOne);
}
Awaitable<Response> clear_payload(Engine& engine, Request& request) {
  return write_operations(engine, request, one_operation(parse_clear_payload), AnswerShape::kOne);
}

Awaitable<Response> write_batch(Engine& engine, Request& request) {
  auto parse = [forms = forms_of(engine, request)](JsonValue body) { return parse_write_batch(body, forms); };
  return write_operations(engine, request, std::move(parse), AnswerShape::kList);
}

}  // namespace orthant::qdrant
