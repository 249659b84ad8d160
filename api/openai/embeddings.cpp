#include "api/openai/embeddings.h"

#include <cstring>

#include <fmt/format.h>

#include "api/json/json_writer.h"

namespace orthant::openai {
namespace {

constexpr std::size_t kMaxTexts = 2048;

struct WireError {
  int status;
  std::string_view type;
  std::string_view code;  // empty: null
};

WireError wire_error(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kFailedPrecondition: return {400, "invalid_request_error", ""};
    case ErrorCode::kNotFound: return {404, "invalid_request_error", "model_not_found"};
    case ErrorCode::kAlreadyExists: return {409, "invalid_request_error", ""};
    case ErrorCode::kResourceExhausted: return {429, "rate_limit_exceeded", "rate_limit_exceeded"};
    case ErrorCode::kDeadlineExceeded: return {408, "timeout", ""};
    case ErrorCode::kCancelled: return {499, "cancelled", ""};
    case ErrorCode::kUnavailable: return {503, "server_error", "unavailable"};
    default: return {500, "server_error", ""};
  }
}

Result<std::string> parse_text(JsonValue value) {
  if (value.is_array() || value.is_number()) return value.format_error("token arrays are not supported, expected a text");
  std::string text = ORTHANT_TRY(value.as_string());
  if (text.empty()) return value.format_error("the text is empty");
  return text;
}

Result<std::vector<std::string>> parse_input(JsonValue input) {
  std::vector<std::string> texts;
  if (!input.is_array()) {
    texts.push_back(ORTHANT_TRY(parse_text(input)));
    return texts;
  }
  if (input.size() == 0) return input.format_error("the list is empty");
  if (input.size() > kMaxTexts)
    return input.format_error(fmt::format("{} texts are too many (limit: {})", input.size(), kMaxTexts));
  texts.reserve(input.size());
  for (const JsonValue text : input.items()) texts.push_back(ORTHANT_TRY(parse_text(text)));
  return texts;
}

// One of two words.
Result<bool> parse_choice(JsonValue body, std::string_view name, std::string_view no, std::string_view yes) {
  const auto value = body.find(name);
  if (!value) return false;
  const std::string word = ORTHANT_TRY(value->as_string());
  if (word != no && word != yes) return value->format_error(fmt::format("found '{}', expected '{}' or '{}'", word, no, yes));
  return word == yes;
}

void write_values(JsonWriter& json, OutputPrecision precision, std::span<const std::uint8_t> row) {
  if (precision == OutputPrecision::kFloat32) {
    std::vector<float> values(row.size() / sizeof(float));
    std::memcpy(values.data(), row.data(), row.size());
    json.numbers(values);
    return;
  }
  const bool is_signed = precision == OutputPrecision::kInt8 || precision == OutputPrecision::kBinary;
  json.begin_array();
  for (const std::uint8_t byte : row) {
    if (is_signed) {
      json.number(static_cast<int>(static_cast<std::int8_t>(byte)));
    } else {
      json.number(static_cast<unsigned>(byte));
    }
  }
  json.end_array();
}

}  // namespace

Response error_response(const Error& error) {
  const WireError wire = wire_error(error.code);
  Response response;
  response.status = wire.status;
  JsonWriter json(response.body);
  json.begin_object().key("error").begin_object().key("message").string(error.message).key("type").string(wire.type);
  json.key("param").null().key("code");
  if (wire.code.empty()) {
    json.null();
  } else {
    json.string(wire.code);
  }
  json.end_object().end_object();
  if (wire.status == 429) response.headers.emplace_back("Retry-After", "1");
  return response;
}

Result<EmbeddingsRequest> parse_embeddings(JsonValue body) {
  ORTHANT_TRY(body.expect_object());
  EmbeddingsRequest request;
  const JsonValue model = ORTHANT_TRY(body.require("model"));
  request.model = ORTHANT_TRY(model.as_string());
  request.input = ORTHANT_TRY(parse_input(ORTHANT_TRY(body.require("input"))));
  request.base64 = ORTHANT_TRY(parse_choice(body, "encoding_format", "float", "base64"));
  request.purpose = ORTHANT_TRY(parse_choice(body, "purpose", "document", "query")) ? Purpose::kQuery : Purpose::kDocument;
  if (const auto dimensions = body.find("dimensions")) {
    request.dimensions = static_cast<std::size_t>(ORTHANT_TRY(dimensions->as_uint()));
    if (request.dimensions == 0) return dimensions->format_error("found 0, expected 1 or more");
  }
  if (const auto precision = body.find("output_precision")) {
    const Result<OutputPrecision> parsed = parse_output_precision(ORTHANT_TRY(precision->as_string()));
    if (!parsed) return precision->format_error(parsed.error().message);
    request.precision = *parsed;
  }
  return request;
}

std::string render_embeddings(const EmbeddingsRequest& request, const EncodeResult& encoded, std::span<const std::uint8_t> rows,
                              std::size_t row_bytes) {
  std::string text;
  JsonWriter json(text);
  json.begin_object().key("object").string("list").key("data").begin_array();
  std::uint64_t tokens = 0;
  std::vector<std::size_t> truncated;
  for (std::size_t i = 0; i < request.input.size(); ++i) {
    const auto row = rows.subspan(i * row_bytes, row_bytes);
    json.begin_object().key("object").string("embedding").key("index").number(i).key("embedding");
    if (request.base64) {
      json.string(encode_base64(row));
    } else {
      write_values(json, request.precision, row);
    }
    json.end_object();
    tokens += encoded.token_counts[i];
    if (encoded.truncated[i]) truncated.push_back(i);
  }
  json.end_array().key("model").string(request.model);
  json.key("usage").begin_object().key("prompt_tokens").number(tokens).key("total_tokens").number(tokens).end_object();
  if (!truncated.empty()) {
    json.key("truncated").begin_array();
    for (const std::size_t index : truncated) json.number(index);
    json.end_array();
  }
  json.end_object();
  return text;
}

std::string encode_base64(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t begin = 0; begin < bytes.size(); begin += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - begin);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) bits = bits << 8 | (i < count ? bytes[begin + i] : 0U);
    for (std::size_t digit = 0; digit < 4; ++digit) {
      text.push_back(digit <= count ? kDigits[bits >> (18 - 6 * digit) & 63] : '=');
    }
  }
  return text;
}

}  // namespace orthant::openai
