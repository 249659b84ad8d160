#pragma once
// Requests to models and their answers in the shapes of Text Embeddings Inference: reranking ("texts"; also with "documents" as
// Cohere and Jina have it), dense and sparse embeddings. Pure functions, any thread.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "api/http/message.h"
#include "api/json/json_reader.h"
#include "encoder/reranker.h"
#include "encoder/sparse_encoder.h"

namespace orthant::inference {

inline constexpr std::size_t kMaxTexts = 1000;

// {"error", "error_type"} with the status of the error's code.
Response error_response(const Error& error);

struct RerankBody {
  bool cohere = false;  // "documents" were given, not "texts"
  std::string model;    // empty: the first reranker
  std::string query;
  std::vector<std::string> texts;
  bool raw_scores = false;  // logits instead of scores
  bool return_text = false;
  bool refuse_truncation = false;
  std::optional<std::size_t> top;
};

// At most kMaxTexts texts; an empty query and an empty list are refused, empty texts are not.
Result<RerankBody> parse_rerank(JsonValue body);

// invalid_argument that names the first text that was cut, where the request refuses that.
Status check_truncation(const RerankBody& body, const RerankResult& result, const EncoderInfo& model);

// By descending score; equal ones in the order of the request.
std::string render_rerank(const RerankBody& body, const RerankResult& result, const EncoderInfo& model);

struct EmbedBody {
  std::string model;  // empty: the first of its kind
  std::vector<std::string> inputs;
  Purpose purpose = Purpose::kDocument;
  bool refuse_truncation = false;
  // Of dense embeddings. A model that normalizes by itself does so in any case.
  bool normalize = true;
  std::size_t dimensions = 0;  // 0: all
};

Result<EmbedBody> parse_dense(JsonValue body);
Status check_truncation(const EmbedBody& body, const EncodeResult& result, const EncoderInfo& model);
// [[0.1, ..], ..]
std::string render_dense(const EmbedBody& body, EncodeResult result);

Result<EmbedBody> parse_sparse(JsonValue body);
Status check_truncation(const EmbedBody& body, const SparseEncodeResult& result, const EncoderInfo& model);
// [[{"index", "value"}, ..], ..]
std::string render_sparse(const SparseEncodeResult& result);

}  // namespace orthant::inference
