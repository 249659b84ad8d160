#include "encoder/tokenizer/json_node.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "encoder/tokenizer/json_member.h"

namespace orthant {
namespace {

using simdjson::dom::element_type;

constexpr std::uint64_t kMaxId = std::numeric_limits<std::int32_t>::max();

std::string_view type_name(element_type type) {
  switch (type) {
    case element_type::ARRAY: return "an array";
    case element_type::OBJECT: return "an object";
    case element_type::INT64:
    case element_type::UINT64:
    case element_type::DOUBLE: return "a number";
    case element_type::STRING: return "a string";
    case element_type::BOOL: return "a boolean";
    case element_type::NULL_VALUE: return "null";
  }
  return "something else";
}

}  // namespace

Result<std::optional<JsonNode>> JsonNode::find(std::string_view key) const {
  ORTHANT_TRY(object());
  const auto member = json_member(element_, key);
  if (!member) return std::nullopt;
  return child(*member, key);
}

Result<JsonNode> JsonNode::field(std::string_view key) const {
  const auto found = ORTHANT_TRY(find(key));
  if (!found) return child(element_, key).error("missing");
  return *found;
}

Result<simdjson::dom::object> JsonNode::object() const {
  simdjson::dom::object value;
  if (element_.get_object().get(value) != simdjson::SUCCESS) return mismatch("an object");
  return value;
}

Result<simdjson::dom::array> JsonNode::array() const {
  simdjson::dom::array value;
  if (element_.get_array().get(value) != simdjson::SUCCESS) return mismatch("an array");
  return value;
}

Result<std::string_view> JsonNode::text() const {
  std::string_view value;
  if (element_.get_string().get(value) != simdjson::SUCCESS) return mismatch("a string");
  return value;
}

Result<bool> JsonNode::boolean() const {
  bool value = false;
  if (element_.get_bool().get(value) != simdjson::SUCCESS) return mismatch("a boolean");
  return value;
}

Result<std::uint64_t> JsonNode::number() const {
  std::uint64_t value = 0;
  if (element_.get_uint64().get(value) != simdjson::SUCCESS) return mismatch("a whole number that is not negative");
  return value;
}

Result<double> JsonNode::real() const {
  double value = 0;
  if (element_.get_double().get(value) != simdjson::SUCCESS) return mismatch("a number");
  return value;
}

Result<std::uint32_t> JsonNode::id() const {
  const std::uint64_t value = ORTHANT_TRY(number());
  if (value > kMaxId) return error(fmt::format("id {} is out of range", value));
  return static_cast<std::uint32_t>(value);
}

Result<std::string_view> JsonNode::field_text(std::string_view key) const {
  const JsonNode node = ORTHANT_TRY(field(key));
  return node.text();
}

Result<std::string_view> JsonNode::field_text_or(std::string_view key, std::string_view absent) const {
  const auto node = ORTHANT_TRY(find(key));
  if (!node) return absent;
  return node->text();
}

Result<bool> JsonNode::field_flag_or(std::string_view key, bool absent) const {
  const auto node = ORTHANT_TRY(find(key));
  if (!node) return absent;
  return node->boolean();
}

Result<bool> JsonNode::field_flag(std::string_view key) const {
  const JsonNode node = ORTHANT_TRY(field(key));
  return node.boolean();
}

Result<std::string_view> JsonNode::type(std::initializer_list<std::string_view> supported) const {
  const JsonNode node = ORTHANT_TRY(field("type"));
  const std::string_view name = ORTHANT_TRY(node.text());
  if (std::ranges::find(supported, name) != supported.end()) return name;
  return node.refusal(fmt::format("found '{}', supported: {}", name, fmt::join(supported, ", ")));
}

JsonNode JsonNode::child(simdjson::dom::element element, std::string_view name) const {
  return {element, file_, path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name)};
}

std::unexpected<Error> JsonNode::error(std::string_view what) const {
  return data_corruption(fmt::format("{}: {}{}{}", file_, path_, path_.empty() ? "" : ": ", what));
}

std::unexpected<Error> JsonNode::refusal(std::string_view what) const {
  std::unexpected<Error> refused = error(what);
  refused.error().code = ErrorCode::kInvalidArgument;
  return refused;
}

std::unexpected<Error> JsonNode::mismatch(std::string_view expected) const {
  return error(fmt::format("found {}, expected {}", type_name(element_.type()), expected));
}

Result<JsonFile> JsonFile::load(const std::filesystem::path& file, std::uintmax_t max_bytes) {
  JsonFile json;
  json.name_ = std::make_unique<std::string>(file.string());
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(file, error);
  if (error) return io_error(fmt::format("{}: {}", *json.name_, error.message()));
  if (bytes > max_bytes) return invalid_argument(fmt::format("{}: {} bytes, at most {} are read", *json.name_, bytes, max_bytes));
  if (const auto problem = json.parser_->load(*json.name_).get(json.root_); problem != simdjson::SUCCESS) {
    return data_corruption(fmt::format("{}: not valid JSON: {}", *json.name_, simdjson::error_message(problem)));
  }
  return json;
}

}  // namespace orthant
