#include "api/qdrant/parse_fields.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "api/qdrant/bm25_options.h"
#include "api/qdrant/envelope.h"
#include "api/qdrant/parse_filter.h"
#include "base/parse_number.h"

namespace orthant::qdrant {
namespace {

int base64_value(char digit) {
  if (digit >= 'A' && digit <= 'Z') return digit - 'A';
  if (digit >= 'a' && digit <= 'z') return digit - 'a' + 26;
  if (digit >= '0' && digit <= '9') return digit - '0' + 52;
  if (digit == '+' || digit == '-') return 62;
  if (digit == '/' || digit == '_') return 63;
  return -1;
}

Result<TextInput> parse_document(JsonValue value) {
  TextInput input;
  const JsonValue text = ORTHANT_TRY(value.require("text"));
  input.text = ORTHANT_TRY(text.as_string());
  if (input.text.empty()) return text.validation_error("the text is empty, expected some characters");
  const auto model = ORTHANT_TRY(value.find_string("model"));
  if (model && model->empty()) return ORTHANT_TRY(value.require("model")).validation_error("the model is empty");
  input.model = model.value_or("");
  const auto options = value.find("options");
  if (options && is_bm25(input.model)) {
    input.bm25 = std::make_shared<const Bm25Options>(ORTHANT_TRY(parse_bm25_options(*options)));
  }
  return input;
}

// int8 values as they stand in two's complement, ubinary values as bytes.
Result<CodeInput> parse_code_numbers(JsonValue value, VectorForm form) {
  const bool is_signed = form == VectorForm::kInt8;
  CodeInput input;
  input.bytes.reserve(value.size());
  for (const JsonValue element : value.items()) {
    const std::int64_t number = ORTHANT_TRY(element.as_int());
    if (number < (is_signed ? -128 : 0) || number > (is_signed ? 127 : 255)) {
      return element.out_of_range(is_signed ? "must be from -128 to 127" : "must be from 0 to 255");
    }
    input.bytes.push_back(static_cast<std::uint8_t>(number));
  }
  return input;
}

Result<CodeInput> parse_codes(JsonValue value, VectorForm form) {
  if (value.is_array()) return parse_code_numbers(value, form);
  if (!value.is_string()) return value.expected("base64 text or a list of integers");
  auto bytes = decode_base64(ORTHANT_TRY(value.as_string()));
  if (!bytes) return value.format_error("this text is not base64");
  return CodeInput{std::move(*bytes)};
}

bool is_list_of_lists(JsonValue value) {
  return value.is_array() && value.size() > 0 && (*value.items().begin()).is_array();
}

// What is wrong with a part of a vector, by the path that Qdrant gives it: the vector's name stands as `?`.
std::unexpected<Error> vector_fault(JsonValue vector, std::string_view part, std::string_view fault) {
  constexpr std::string_view kNamed = ".vector.";
  std::string path = vector.path();
  if (const std::size_t at = path.rfind(kNamed); at != std::string::npos) path.replace(at + kNamed.size(), std::string::npos, "?");
  return json_validation_error(fmt::format("{}.{}: {}", path, part, fault));
}

// Rows of equal length, one after another.
Result<MultiVector> parse_multi(JsonValue value) {
  MultiVector vector;
  for (const JsonValue row : value.items()) {
    ORTHANT_TRY(row.expect_array());
    if (row.size() == 0) return vector_fault(value, "data", "all vectors must be non-empty");
    if (vector.dim == 0) vector.dim = row.size();
    if (row.size() != vector.dim) {
      return vector_fault(value, "data",
                          fmt::format("all vectors must have the same dimension, found vector with dimension {}", row.size()));
    }
    ORTHANT_TRY(row.append_floats(vector.values));
  }
  return vector;
}

// Given back in the order of the indices.
Result<SparseVector> parse_sparse(JsonValue value) {
  const JsonValue indices = ORTHANT_TRY(value.require("indices"));
  const JsonValue values = ORTHANT_TRY(value.require("values"));
  ORTHANT_TRY(indices.expect_array());
  ORTHANT_TRY(values.expect_array());
  std::vector<std::pair<std::uint32_t, float>> pairs;
  pairs.reserve(indices.size());
  for (const JsonValue index : indices.items()) {
    const std::uint64_t number = ORTHANT_TRY(index.as_uint());
    if (number > std::numeric_limits<std::uint32_t>::max()) return index.expected("u32");
    pairs.emplace_back(static_cast<std::uint32_t>(number), 0.0F);
  }
  const std::vector<float> weights = ORTHANT_TRY(values.as_floats());
  if (weights.size() != pairs.size())
    return vector_fault(value, "values", "Validation error: must be the same length as indices [{}]");
  for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i].second = weights[i];
  std::ranges::sort(pairs, {}, [](const auto& pair) { return pair.first; });
  SparseVector vector;
  for (const auto& [index, weight] : pairs) {
    if (!vector.indices.empty() && vector.indices.back() == index) {
      return vector_fault(value, "indices", "Validation error: must be unique [{}]");
    }
    vector.indices.push_back(index);
    vector.values.push_back(weight);
  }
  return vector;
}

std::unexpected<Error> bad_parameter(std::string_view name, std::string_view value, std::string_view expected) {
  return invalid_argument(fmt::format("Format error in query parameters: {}: found '{}', expected {}", name, value, expected));
}

}  // namespace

CodeForms code_forms_of(const CollectionConfig& config) {
  CodeForms forms;
  for (const auto& [name, vector] : config.vectors) {
    if (vector.index.form != VectorForm::kFloat32) forms.emplace(name, vector.index.form);
  }
  return forms;
}

std::optional<std::string> name_fault(std::string_view name) {
  constexpr std::size_t kMostBytes = 255;
  if (name.empty() || name.size() > kMostBytes) {
    return fmt::format("value '{}' invalid, length must be from 1 to {} bytes", name.substr(0, kMostBytes), kMostBytes);
  }
  const auto forbidden = std::ranges::find_if(name, [](unsigned char c) {
    return c < 0x20 || c == 0x7f || std::string_view("/\\<>:\"|?*").contains(static_cast<char>(c));
  });
  if (forbidden == name.end()) return std::nullopt;
  return fmt::format("value '{}' invalid, it must not hold the byte 0x{:02x}", name, static_cast<unsigned char>(*forbidden));
}

std::unexpected<Error> unsupported(JsonValue value) {
  return bad_request(fmt::format("{}: not supported by this version of Orthant", value.path()));
}

bool is_document(JsonValue value) {
  if (!value.is_object()) return false;
  const auto text = value.find("text");
  return text && text->is_string();
}

Result<bool> refuses_truncation(JsonValue document) {
  const auto options = document.find("options");
  if (!options) return false;
  return !ORTHANT_TRY(options->find_bool("truncate")).value_or(true);
}

Result<VectorInput> parse_vector(JsonValue value, VectorForm form) {
  if (form != VectorForm::kFloat32 && (value.is_string() || value.is_array()))
    return VectorInput(ORTHANT_TRY(parse_codes(value, form)));
  if (is_list_of_lists(value)) return VectorInput(ORTHANT_TRY(parse_multi(value)));
  if (value.is_array()) return VectorInput(ORTHANT_TRY(value.as_floats()));
  if (is_document(value)) return VectorInput(ORTHANT_TRY(parse_document(value)));
  if (const auto codes = value.find("ubinary")) return VectorInput(ORTHANT_TRY(parse_codes(*codes, VectorForm::kUbinary)));
  if (const auto codes = value.find("int8")) return VectorInput(ORTHANT_TRY(parse_codes(*codes, VectorForm::kInt8)));
  if (value.find("indices") || value.find("values")) return VectorInput(ORTHANT_TRY(parse_sparse(value)));
  for (const char* name : {"image", "object"}) {
    if (const auto member = value.find(name)) return unsupported(*member);
  }
  return value.expected("a list of numbers or a document {\"text\": ..}");
}

Result<NamedVectors> parse_vectors(JsonValue value, const CodeForms& forms) {
  const auto form_of = [&](const std::string& name) {
    const auto found = forms.find(name);
    return found == forms.end() ? VectorForm::kFloat32 : found->second;
  };
  NamedVectors vectors;
  const bool named = value.is_object() && !is_document(value) && !value.find("ubinary") && !value.find("int8");
  if (!named) {
    vectors.emplace_back("", ORTHANT_TRY(parse_vector(value, form_of(""))));
    return vectors;
  }
  for (const JsonValue member : value.items()) {
    std::string name = member.key();
    VectorInput vector = ORTHANT_TRY(parse_vector(member, form_of(name)));
    vectors.emplace_back(std::move(name), std::move(vector));
  }
  return vectors;
}

Result<PointSelector> parse_point_selector(JsonValue body) {
  if (const auto points = body.find("points")) return PointSelector(ORTHANT_TRY(parse_point_ids(*points)));
  if (auto filter = ORTHANT_TRY(find_filter(body))) return PointSelector(std::move(*filter));
  return body.validation_error("At least one parameter should be specified: points or filter");
}

Result<PayloadSelector> parse_payload_selector(JsonValue body, bool enabled_by_default) {
  PayloadSelector selector;
  selector.enabled = enabled_by_default;
  const auto value = body.find("with_payload");
  if (!value) return selector;
  selector.enabled = true;
  if (value->is_bool()) {
    selector.enabled = ORTHANT_TRY(value->as_bool());
  } else if (value->is_array()) {
    selector.include = ORTHANT_TRY(value->as_strings());
    selector.enabled = !selector.include.empty();
  } else if (const auto include = value->find("include")) {
    selector.include = ORTHANT_TRY(include->as_strings());
    selector.enabled = !selector.include.empty();
  } else if (const auto exclude = value->find("exclude")) {
    selector.exclude = ORTHANT_TRY(exclude->as_strings());
  } else {
    return value->expected("a boolean, a list of fields, {\"include\": ..} or {\"exclude\": ..}");
  }
  return selector;
}

Result<VectorSelector> parse_vector_selector(JsonValue body) {
  VectorSelector selector;
  auto value = body.find("with_vector");
  if (!value) value = body.find("with_vectors");
  if (!value) return selector;
  if (value->is_bool()) {
    selector.enabled = ORTHANT_TRY(value->as_bool());
  } else if (value->is_array() || value->is_string()) {
    selector.names = ORTHANT_TRY(value->as_strings());
    selector.enabled = !selector.names.empty();
  } else {
    return value->expected("a boolean or a list of vector names");
  }
  return selector;
}

Result<std::optional<Filter>> find_filter(JsonValue body, std::string_view name) {
  const auto value = body.find(name);
  if (!value) return std::optional<Filter>();
  return std::optional<Filter>(ORTHANT_TRY(parse_filter(*value)));
}

Result<std::size_t> find_size(JsonValue body, std::string_view name, std::size_t least, std::size_t fallback) {
  const auto value = body.find(name);
  if (!value) return fallback;
  const std::uint64_t number = ORTHANT_TRY(value->as_uint());
  if (number < least) return value->out_of_range(fmt::format("must be {} or larger", least));
  return static_cast<std::size_t>(number);
}

Result<std::optional<std::chrono::seconds>> parse_timeout(const Request& request) {
  const auto text = request.query.find("timeout");
  if (!text) return std::optional<std::chrono::seconds>();
  const auto seconds = parse_number<std::uint32_t>(*text);
  if (!seconds) return bad_parameter("timeout", *text, "a number of seconds");
  if (*seconds == 0) {
    return invalid_argument("Validation error in query parameters: [timeout: value 0 invalid, must be 1 or larger]");
  }
  return std::optional<std::chrono::seconds>(*seconds);
}

Result<WriteOptions> parse_write_options(const Request& request) {
  WriteOptions options;
  options.wait = false;
  if (const auto wait = request.query.find("wait")) {
    options.wait = *wait == "true";
    if (*wait != "true" && *wait != "false") return bad_parameter("wait", *wait, "true or false");
  }
  if (const auto ordering = request.query.find("ordering")) {
    constexpr std::array<std::string_view, 3> kOrderings = {"weak", "medium", "strong"};
    if (std::ranges::find(kOrderings, *ordering) == kOrderings.end()) {
      return bad_parameter("ordering", *ordering, "weak, medium or strong");
    }
  }
  options.timeout = ORTHANT_TRY(parse_timeout(request));
  return options;
}

std::optional<std::vector<std::uint8_t>> decode_base64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  if (text.size() % 4 == 1) return std::nullopt;
  std::vector<std::uint8_t> bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int bit_count = 0;
  for (const char digit : text) {
    const int value = base64_value(digit);
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    bit_count += 6;
    if (bit_count >= 8) {
      bit_count -= 8;
      bytes.push_back(static_cast<std::uint8_t>(bits >> bit_count));
      bits &= (1U << bit_count) - 1;
    }
  }
  return bytes;
}

}  // namespace orthant::qdrant
