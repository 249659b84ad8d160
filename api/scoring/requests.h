#pragma once
// Requests to models other than embedders, and their answers: reranking in the shapes of Text Embeddings Inference ("texts") and of
// Cohere and Jina ("documents"), sparse embeddings in that of Text Embeddings Inference. Pure functions, any thread.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "api/http/message.h"
#include "api/json/json_reader.h"
#include "encoder/reranker.h"
#include "encoder/sparse_encoder.h"

namespace orthant::scoring {

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

struct SparseBody {
  std::string model;  // empty: the first sparse encoder
  std::vector<std::string> inputs;
  Purpose purpose = Purpose::kDocument;
  bool refuse_truncation = false;
};

Result<SparseBody> parse_sparse(JsonValue body);
Status check_truncation(const SparseBody& body, const SparseEncodeResult& result, const EncoderInfo& model);
// [[{"index", "value"}, ..], ..]
std::string render_sparse(const SparseEncodeResult& result);

}  // namespace orthant::scoring
