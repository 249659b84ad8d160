#pragma once
// The embeddings request of OpenAI's API and its answer, with the precisions that Orthant adds. Pure functions, any thread.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "api/http/message.h"
#include "api/json/json_reader.h"
#include "encoder/embedding.h"
#include "encoder/encoder.h"

namespace orthant::openai {

// {"error": {"message", "type", "param", "code"}} with the status of the error's code.
Response error_response(const Error& error);

struct EmbeddingsRequest {
  std::string model;
  std::vector<std::string> input;
  std::size_t dimensions = 0;  // 0: all
  bool base64 = false;
  OutputPrecision precision = OutputPrecision::kFloat32;
  Purpose purpose = Purpose::kDocument;
};

// At most 2048 texts; empty ones and token arrays are refused. Our additions: "output_precision" (float32, int8, uint8, binary,
// ubinary) and "purpose" (document, query).
Result<EmbeddingsRequest> parse_embeddings(JsonValue body);

// `rows` holds input.size() rows of row_bytes bytes in request.precision.
std::string render_embeddings(const EmbeddingsRequest& request, const EncodeResult& encoded, std::span<const std::uint8_t> rows,
                              std::size_t row_bytes);

std::string encode_base64(std::span<const std::uint8_t> bytes);

}  // namespace orthant::openai
