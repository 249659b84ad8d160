#include "api/inference/requests.h"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "api/json/json_writer.h"
#include "base/float_values.h"

namespace orthant::inference {
namespace {

struct WireError {
  int status;
  std::string_view type;
};

WireError wire_error(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kFailedPrecondition: return {422, "Validation"};
    case ErrorCode::kNotFound: return {404, "NotFound"};
    case ErrorCode::kResourceExhausted: return {429, "Overloaded"};
    case ErrorCode::kDeadlineExceeded: return {408, "Timeout"};
    case ErrorCode::kCancelled: return {499, "Cancelled"};
    case ErrorCode::kUnavailable: return {503, "Unhealthy"};
    default: return {500, "Backend"};
  }
}

// A text, or {"text": ..} as Cohere's documents may be.
Result<std::string> parse_text(JsonValue value) {
  if (value.is_object()) return ORTHANT_TRY(value.require("text")).as_string();
  return value.as_string();
}

Result<std::vector<std::string>> parse_texts(JsonValue list) {
  ORTHANT_TRY(list.expect_array());
  if (list.size() == 0) return list.validation_error("the list is empty");
  if (list.size() > kMaxTexts) {
    return list.validation_error(fmt::format("{} texts are too many (limit: {})", list.size(), kMaxTexts));
  }
  std::vector<std::string> texts;
  for (const JsonValue text : list.items()) texts.push_back(ORTHANT_TRY(parse_text(text)));
  return texts;
}

// Texts are cut by default; only an explicit false refuses that.
Result<bool> refuses_truncation(JsonValue body) {
  return !ORTHANT_TRY(body.find_bool("truncate")).value_or(true);
}

Status check_cut(bool refuses, std::string_view field, const std::vector<bool>& truncated, const EncoderInfo& model) {
  const auto first = std::ranges::find(truncated, true);
  if (!refuses || first == truncated.end()) return {};
  return invalid_argument(fmt::format("{}[{}]: longer than the {} tokens that model `{}` takes", field, first - truncated.begin(),
                                      model.max_seq_length, model.name));
}

std::vector<std::size_t> best_first(const std::vector<float>& logits) {
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  return order;
}

// What dense and sparse embedding have in common.
Result<EmbedBody> parse_inputs(JsonValue body) {
  ORTHANT_TRY(body.expect_object());
  EmbedBody request;
  request.model = ORTHANT_TRY(body.find_string("model")).value_or("");
  const JsonValue inputs = ORTHANT_TRY(body.require("inputs"));
  if (inputs.is_string()) {
    request.inputs.push_back(ORTHANT_TRY(inputs.as_string()));
  } else {
    request.inputs = ORTHANT_TRY(parse_texts(inputs));
  }
  request.refuse_truncation = ORTHANT_TRY(refuses_truncation(body));
  for (const char* name : {"purpose", "prompt_name"}) {
    const auto value = body.find(name);
    if (!value) continue;
    const std::string purpose = ORTHANT_TRY(value->as_string());
    if (purpose != "query" && purpose != "document") return value->validation_error("expected \"query\" or \"document\"");
    request.purpose = purpose == "query" ? Purpose::kQuery : Purpose::kDocument;
  }
  return request;
}

}  // namespace

Response error_response(const Error& error) {
  const WireError wire = wire_error(error.code);
  Response response;
  response.status = wire.status;
  if (json_error_kind(error) == JsonErrorKind::kFormat) response.status = 400;
  JsonWriter json(response.body);
  json.begin_object().key("error").string(error.message).key("error_type").string(wire.type).end_object();
  if (wire.status == 429) response.headers.emplace_back("Retry-After", "1");
  return response;
}

Result<RerankBody> parse_rerank(JsonValue body) {
  ORTHANT_TRY(body.expect_object());
  RerankBody request;
  request.model = ORTHANT_TRY(body.find_string("model")).value_or("");
  const JsonValue query = ORTHANT_TRY(body.require("query"));
  request.query = ORTHANT_TRY(query.as_string());
  if (request.query.empty()) return query.validation_error("the query is empty");
  const auto documents = body.find("documents");
  request.cohere = documents.has_value();
  request.texts = ORTHANT_TRY(parse_texts(documents ? *documents : ORTHANT_TRY(body.require("texts"))));
  request.raw_scores = ORTHANT_TRY(body.find_bool("raw_scores")).value_or(false);
  request.return_text = ORTHANT_TRY(body.find_bool(request.cohere ? "return_documents" : "return_text")).value_or(false);
  request.refuse_truncation = ORTHANT_TRY(refuses_truncation(body));
  if (const auto top = body.find("top_n")) {
    request.top = static_cast<std::size_t>(ORTHANT_TRY(top->as_uint()));
    if (*request.top == 0) return top->out_of_range("must be 1 or larger");
  }
  return request;
}

Status check_truncation(const RerankBody& body, const RerankResult& result, const EncoderInfo& model) {
  return check_cut(body.refuse_truncation, body.cohere ? "documents" : "texts", result.truncated, model);
}

std::string render_rerank(const RerankBody& body, const RerankResult& result, const EncoderInfo& model) {
  std::vector<std::size_t> order = best_first(result.logits);
  order.resize(std::min(order.size(), body.top.value_or(order.size())));
  const std::vector<float>& scores = body.raw_scores ? result.logits : result.scores;
  std::string text;
  JsonWriter json(text);
  if (body.cohere) json.begin_object().key("model").string(model.name).key("results");
  json.begin_array();
  for (const std::size_t i : order) {
    json.begin_object().key("index").number(i).key(body.cohere ? "relevance_score" : "score").number(scores[i]);
    if (body.return_text && body.cohere) {
      json.key("document").begin_object().key("text").string(body.texts[i]).end_object();
    } else if (body.return_text) {
      json.key("text").string(body.texts[i]);
    }
    json.end_object();
  }
  json.end_array();
  if (!body.cohere) return text;
  const std::uint64_t tokens = std::accumulate(result.token_counts.begin(), result.token_counts.end(), std::uint64_t{0});
  json.key("usage").begin_object().key("prompt_tokens").number(tokens).key("total_tokens").number(tokens).end_object().end_object();
  return text;
}

Result<EmbedBody> parse_sparse(JsonValue body) {
  return parse_inputs(body);
}

Status check_truncation(const EmbedBody& body, const SparseEncodeResult& result, const EncoderInfo& model) {
  return check_cut(body.refuse_truncation, "inputs", result.truncated, model);
}

Result<EmbedBody> parse_dense(JsonValue body) {
  EmbedBody request = ORTHANT_TRY(parse_inputs(body));
  request.normalize = ORTHANT_TRY(body.find_bool("normalize")).value_or(true);
  if (const auto dimensions = body.find("dimensions")) {
    request.dimensions = static_cast<std::size_t>(ORTHANT_TRY(dimensions->as_uint()));
    if (request.dimensions == 0) return dimensions->out_of_range("must be 1 or larger");
  }
  return request;
}

Status check_truncation(const EmbedBody& body, const EncodeResult& result, const EncoderInfo& model) {
  return check_cut(body.refuse_truncation, "inputs", result.truncated, model);
}

std::string render_dense(const EmbedBody& body, EncodeResult result) {
  std::string text;
  JsonWriter json(text);
  json.begin_array();
  for (std::size_t i = 0; i < result.embeddings.rows; ++i) {
    if (body.normalize) scale_to_unit_length(result.embeddings.row(i));
    json.numbers(result.embeddings.row(i));
  }
  json.end_array();
  return text;
}

std::string render_sparse(const SparseEncodeResult& result) {
  std::string text;
  JsonWriter json(text);
  json.begin_array();
  for (const SparseEmbedding& embedding : result.embeddings) {
    json.begin_array();
    for (std::size_t i = 0; i < embedding.indices.size(); ++i) {
      json.begin_object().key("index").number(embedding.indices[i]).key("value").number(embedding.values[i]).end_object();
    }
    json.end_array();
  }
  json.end_array();
  return text;
}

}  // namespace orthant::inference
