#include "api/quality/routes.h"

#include <utility>

#include "api/qdrant/handlers.h"
#include "api/quality/quality_chart.h"
#include "api/quality/render.h"
#include "api/quality/requests.h"

namespace orthant::quality {
namespace {

Response render_answer(const QualitySubject& subject, const CollectionQuality& quality, QualityFormat format,
                       qdrant::Clock::time_point received) {
  if (format == QualityFormat::kJson) {
    const qdrant::TokenCounts tokens = quality.judged ? quality.judged->tokens_by_model : qdrant::TokenCounts();
    return qdrant::ok_response(received, [&](JsonWriter& json) { write_quality(json, subject, quality); }, tokens);
  }
  const bool csv = format == QualityFormat::kCsv;
  Response response;
  response.content_type = csv ? "text/csv; charset=utf-8" : "image/svg+xml";
  response.body = csv ? quality_csv(quality.answer.measured->index) : quality_svg(subject, *quality.answer.measured);
  return response;
}

Awaitable<Response> answer(Engine& engine, Request& request, CollectionQualityRequest wanted) {
  const Result<QualityFormat> format = parse_format(request);
  if (!format) co_return qdrant::error_response(format.error());
  const QualitySubject subject{std::string(request.path_value("collection")), wanted.vector_name};
  auto start = [&](Done<CollectionQuality> done) {
    engine.quality(subject.collection, std::move(wanted), request_context(engine, request), std::move(done));
  };
  auto render = [subject, format = *format, received = request.received](const CollectionQuality& quality) {
    return render_answer(subject, quality, format, received);
  };
  co_return co_await respond_with<CollectionQuality>(start, render, qdrant::error_response);
}

Awaitable<Response> get_quality(Engine& engine, Request& request) {
  Result<CollectionQualityRequest> wanted = parse_parameters(request);
  if (!wanted) co_return qdrant::error_response(wanted.error());
  co_return co_await answer(engine, request, std::move(*wanted));
}

Awaitable<Response> judge_quality(Engine& engine, Request& request) {
  Result<CollectionQualityRequest> wanted = co_await qdrant::parse_content(engine, request, parse_body);
  if (!wanted) co_return qdrant::error_response(wanted.error());
  co_return co_await answer(engine, request, std::move(*wanted));
}

}  // namespace

void add_routes(Router& router, const ApiContext& context) {
  const auto error = qdrant::error_response;
  router.add({Method::kGet, "/collections/{collection}/quality", with_engine(context, get_quality, error), error});
  router.add({Method::kPost, "/collections/{collection}/quality", with_engine(context, judge_quality, error), error});
}

}  // namespace orthant::quality
