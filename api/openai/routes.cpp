#include "api/openai/routes.h"

#include <algorithm>
#include <cstring>
#include <ctime>

#include <fmt/format.h>

#include "api/json/json_writer.h"
#include "api/openai/embeddings.h"
#include "encoder/output_quantization.h"

namespace orthant::openai {
namespace {

// Embeddings in the wanted precision. The ranges of int8 and uint8 may have to be calibrated first: not for io threads.
Result<std::string> quantize_and_render(const Encoder& encoder, const EmbeddingsRequest& request, const EncodeResult& encoded) {
  std::optional<QuantizationRanges> ranges;
  if (request.precision == OutputPrecision::kInt8 || request.precision == OutputPrecision::kUint8) {
    const EmbeddingMatrix calibrated = ORTHANT_TRY(encoder.calibration_ranges(request.dimensions));
    const auto minima = calibrated.row(0);
    const auto maxima = calibrated.row(1);
    ranges = QuantizationRanges{{minima.begin(), minima.end()}, {maxima.begin(), maxima.end()}};
  }
  const std::vector<std::uint8_t> rows = ORTHANT_TRY(quantize_embeddings(encoded.embeddings, request.precision, ranges));
  return render_embeddings(request, encoded, rows, output_row_bytes(request.precision, encoded.embeddings.dim));
}

Result<EmbeddingsRequest> parse_request(std::string text) {
  const JsonDocument document = ORTHANT_TRY(JsonDocument::parse(std::move(text)));
  return parse_embeddings(document.root());
}

Awaitable<Response> create_embeddings(Engine& engine, Request& request) {
  Result<EmbeddingsRequest> parsed = parse_request(std::move(request.content));
  if (!parsed) co_return error_response(parsed.error());
  const Encoder* encoder = engine.find_model(parsed->model);
  if (encoder == nullptr) {
    co_return error_response({ErrorCode::kNotFound, fmt::format("The model '{}' is not loaded", parsed->model)});
  }
  EncodeOptions options;
  options.purpose = parsed->purpose;
  options.dimensions = parsed->dimensions;
  const auto encode = [&](Done<EncodeResult> done) {
    engine.encode(encoder->info().name, parsed->input, options, request_context(engine, request), std::move(done));
  };
  Result<EncodeResult> encoded = co_await await_done<Result<EncodeResult>>(encode);
  if (!encoded) co_return error_response(encoded.error());
  const auto render = [&] { return quantize_and_render(*encoder, *parsed, *encoded); };
  Result<std::string> body = co_await run_on<std::string>(engine.request_pool(), render);
  if (!body) co_return error_response(body.error());
  Response response;
  response.body = std::move(*body);
  co_return response;
}

void write_model(JsonWriter& json, const EncoderInfo& info) {
  static const std::int64_t started = std::time(nullptr);
  json.begin_object().key("id").string(info.name).key("object").string("model").key("created").number(started);
  json.key("owned_by").string("orthant").end_object();
}

Awaitable<Response> list_models(Engine& engine, Request&) {
  Response response;
  JsonWriter json(response.body);
  json.begin_object().key("object").string("list").key("data").begin_array();
  for (const Encoder* encoder : engine.models()) write_model(json, encoder->info());
  json.end_array().end_object();
  co_return response;
}

Awaitable<Response> get_model(Engine& engine, Request& request) {
  const std::string_view name = request.path_value("model");
  const Encoder* encoder = engine.find_model(name);
  if (encoder == nullptr) co_return error_response({ErrorCode::kNotFound, fmt::format("The model '{}' is not loaded", name)});
  Response response;
  JsonWriter json(response.body);
  write_model(json, encoder->info());
  co_return response;
}

}  // namespace

void add_routes(Router& router, const ApiContext& context) {
  const auto add = [&](Method method, const char* pattern, EngineHandler handler) {
    router.add({method, pattern, with_engine(context, handler, error_response), error_response});
  };
  add(Method::kPost, "/v1/embeddings", create_embeddings);
  add(Method::kGet, "/v1/models", list_models);
  add(Method::kGet, "/v1/models/{model}", get_model);
}

}  // namespace orthant::openai
