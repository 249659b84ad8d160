#include "api/scoring/routes.h"

#include <memory>
#include <utility>

#include "api/qdrant/handlers.h"
#include "api/scoring/requests.h"

namespace orthant::scoring {
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
  Result<SparseBody> parsed = co_await qdrant::parse_content(engine, request, parse_sparse);
  if (!parsed) co_return error_response(parsed.error());
  const auto body = std::make_shared<const SparseBody>(std::move(*parsed));
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

}  // namespace

void add_routes(Router& router, const ApiContext& context) {
  const auto add = [&](const char* pattern, EngineHandler handler) {
    router.add({Method::kPost, pattern, with_engine(context, handler, error_response), error_response});
  };
  for (const char* pattern : {"/rerank", "/v1/rerank", "/v2/rerank"}) add(pattern, rerank);
  add("/embed_sparse", embed_sparse);
}

}  // namespace orthant::scoring
