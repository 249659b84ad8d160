#include "api/reembed/routes.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/qdrant/collection_settings.h"
#include "api/qdrant/handlers.h"

namespace orthant::reembed {
namespace {

// The vector that is meant where none is named: the unnamed one, the only dense one, or the only one.
Result<std::string> default_vector(const Engine& engine, const std::string& collection) {
  const CollectionInfo info = ORTHANT_TRY(engine.collection_info(collection));
  std::vector<std::string> dense;
  for (const auto& [name, config] : info.config.vectors) {
    if (config.kind == VectorKind::kDense) dense.push_back(name);
  }
  if (info.config.vectors.contains("") || info.config.vectors.empty()) return std::string();
  if (dense.size() == 1) return dense.front();
  if (info.config.vectors.size() == 1) return info.config.vectors.begin()->first;
  return invalid_argument(fmt::format("vector: the collection has {} vectors, one must be named", info.config.vectors.size()));
}

Result<std::string> vector_of(const Engine& engine, const Request& request) {
  if (const auto name = request.query.find("vector")) return std::string(*name);
  return default_vector(engine, std::string(request.path_value("collection")));
}

struct Body {
  ReembedRequest request;
  bool vector_named = false;
};

Result<Body> parse_body(JsonValue root) {
  ORTHANT_TRY(root.expect_object());
  Body body;
  const JsonValue model = ORTHANT_TRY(root.require("model"));
  body.request.model = ORTHANT_TRY(model.as_string());
  if (body.request.model.empty()) return model.validation_error("the model's name is empty");
  if (auto name = ORTHANT_TRY(root.find_string("vector"))) {
    body.request.vector_name = std::move(*name);
    body.vector_named = true;
  }
  if (const auto policy = root.find("points_without_text")) {
    const std::string text = ORTHANT_TRY(policy->as_string());
    if (text != "refuse" && text != "drop") return policy->format_error("unknown variant, expected `refuse` or `drop`");
    body.request.drop_without_text = text == "drop";
  }
  return body;
}

Response render(const Request& request, const std::string& vector_name, const ReembedProgress& progress) {
  return qdrant::ok_response(request.received, [&](JsonWriter& json) { qdrant::write_reembedding(json, vector_name, progress); });
}

Awaitable<Response> get_reembedding(Engine& engine, Request& request) {
  const Result<std::string> vector = vector_of(engine, request);
  if (!vector) co_return qdrant::error_response(vector.error());
  const auto progress = engine.reembed_progress(request.path_value("collection"), *vector);
  if (!progress) co_return qdrant::error_response(progress.error());
  co_return render(request, *vector, *progress);
}

Awaitable<Response> begin_reembedding(Engine& engine, Request& request) {
  Result<Body> body = co_await qdrant::parse_content(engine, request, parse_body);
  if (!body) co_return qdrant::error_response(body.error());
  const std::string collection(request.path_value("collection"));
  if (!body->vector_named) {
    Result<std::string> vector = default_vector(engine, collection);
    if (!vector) co_return qdrant::error_response(vector.error());
    body->request.vector_name = std::move(*vector);
  }
  const std::string vector = body->request.vector_name;
  const auto begin = [&](Done<ReembedProgress> done) { engine.reembed(collection, std::move(body->request), std::move(done)); };
  const auto begun = co_await await_done<Result<ReembedProgress>>(begin);
  if (!begun) co_return qdrant::error_response(begun.error());
  co_return render(request, vector, *begun);
}

Awaitable<Response> cancel_reembedding(Engine& engine, Request& request) {
  const Result<std::string> vector = vector_of(engine, request);
  if (!vector) co_return qdrant::error_response(vector.error());
  const auto cancel = [&](Done<bool> done) {
    engine.cancel_reembed(std::string(request.path_value("collection")), *vector, std::move(done));
  };
  const auto cancelled = co_await await_done<Result<bool>>(cancel);
  if (!cancelled) co_return qdrant::error_response(cancelled.error());
  co_return qdrant::ok_response(request.received, [&](JsonWriter& json) { json.boolean(*cancelled); });
}

}  // namespace

void add_routes(Router& router, const ApiContext& context) {
  const auto error = qdrant::error_response;
  constexpr const char* kPath = "/collections/{collection}/reembed";
  router.add({Method::kGet, kPath, with_engine(context, get_reembedding, error), error});
  router.add({Method::kPost, kPath, with_engine(context, begin_reembedding, error), error});
  router.add({Method::kDelete, kPath, with_engine(context, cancel_reembedding, error), error});
}

}  // namespace orthant::reembed
