#include "api/inference/routes.h"

#include <memory>
#include <utility>

#include "api/inference/requests.h"
#include "api/json/json_writer.h"
#include "api/qdrant/handlers.h"

namespace orthant::inference {
namespace {

Response answer(std::string body) {
  Response response;
  response.body = std::move(body);
  return response;
}

Awaitable<Response> rerank(Engine& engine, Request& request) {
  Result<RerankBody> parsed = co_await qdrant::parse_content(engine, request, parse_rerank);
  if (!parsed) co_return error_response(parsed.error());
  const auto body = std::make_shared<const RerankBody>(std::move(*parsed));
  const Result<const Reranker*> reranker = engine.find_reranker(body->model);
  if (!reranker) co_return error_response(with_context("model", reranker.error()).error());
  const EncoderInfo& info = (*reranker)->info();
  RequestContext context = request_context(engine, request);
  auto start = [&](Done<RerankResult> done) {
    RerankRequest pairs{.query = body->query, .documents = body->texts};
    engine.rerank(**reranker, std::move(pairs), std::move(context), std::move(done));
  };
  auto render = [body, &info](const RerankResult& result) {
    if (Status whole = check_truncation(*body, result, info); !whole) return error_response(whole.error());
    return answer(render_rerank(*body, result, info));
  };
  co_return co_await respond_with<RerankResult>(start, render, error_response);
}

Awaitable<Response> embed_sparse(Engine& engine, Request& request) {
  Result<EmbedBody> parsed = co_await qdrant::parse_content(engine, request, parse_sparse);
  if (!parsed) co_return error_response(parsed.error());
  const auto body = std::make_shared<const EmbedBody>(std::move(*parsed));
  const Result<const SparseEncoder*> encoder = engine.find_sparse_encoder(body->model);
  if (!encoder) co_return error_response(with_context("model", encoder.error()).error());
  const EncoderInfo& info = (*encoder)->info();
  RequestContext context = request_context(engine, request);
  auto start = [&](Done<SparseEncodeResult> done) {
    SparseEncodeRequest texts{.texts = body->inputs, .purpose = body->purpose};
    engine.sparse_encode(**encoder, std::move(texts), std::move(context), std::move(done));
  };
  auto render = [body, &info](const SparseEncodeResult& result) {
    if (Status whole = check_truncation(*body, result, info); !whole) return error_response(whole.error());
    return answer(render_sparse(result));
  };
  co_return co_await respond_with<SparseEncodeResult>(start, render, error_response);
}

// The first model where none is named.
Result<const Encoder*> find_encoder(const Engine& engine, const std::string& name) {
  const Encoder* encoder = engine.find_model(name);
  if (encoder == nullptr) return not_found(name.empty() ? "model: no encoder is loaded" : "model: `" + name + "` is not loaded");
  return encoder;
}

Awaitable<Response> embed(Engine& engine, Request& request) {
  Result<EmbedBody> parsed = co_await qdrant::parse_content(engine, request, parse_dense);
  if (!parsed) co_return error_response(parsed.error());
  const auto body = std::make_shared<const EmbedBody>(std::move(*parsed));
  const Result<const Encoder*> encoder = find_encoder(engine, body->model);
  if (!encoder) co_return error_response(encoder.error());
  const EncoderInfo& info = (*encoder)->info();
  RequestContext context = request_context(engine, request);
  auto start = [&](Done<EncodeResult> done) {
    const EncodeOptions options{.purpose = body->purpose, .dimensions = body->dimensions};
    engine.encode(info.name, body->inputs, options, std::move(context), std::move(done));
  };
  auto render = [body, &info](EncodeResult result) {
    if (Status whole = check_truncation(*body, result, info); !whole) return error_response(whole.error());
    return answer(render_dense(*body, std::move(result)));
  };
  co_return co_await respond_with<EncodeResult>(start, render, error_response);
}

// As Text Embeddings Inference tells of its one model: here the first encoder, or the one that ?model names.
Awaitable<Response> info(Engine& engine, Request& request) {
  const Result<const Encoder*> encoder = find_encoder(engine, std::string(request.query.find("model").value_or("")));
  if (!encoder) co_return error_response(encoder.error());
  const EncoderInfo& model = (*encoder)->info();
  Response response;
  JsonWriter json(response.body);
  json.begin_object().key("model_id").string(model.name).key("model_sha").string(model.model_sha256);
  json.key("model_dtype").string(model.weight_precision).key("model_type").begin_object().key("embedding");
  json.begin_object().key("pooling").string(model.pooling).end_object().end_object();
  json.key("max_input_length").number(model.max_seq_length).key("max_client_batch_size").number(kMaxTexts);
  json.key("auto_truncate").boolean(true).key("version").string(ORTHANT_VERSION).end_object();
  co_return response;
}

}  // namespace

void add_routes(Router& router, const ApiContext& context) {
  const auto add = [&](const char* pattern, EngineHandler handler) {
    router.add({Method::kPost, pattern, with_engine(context, handler, error_response), error_response});
  };
  for (const char* pattern : {"/rerank", "/v1/rerank", "/v2/rerank"}) add(pattern, rerank);
  add("/embed", embed);
  add("/embed_sparse", embed_sparse);
  router.add({Method::kGet, "/info", with_engine(context, info, error_response), error_response});
}

}  // namespace orthant::inference
