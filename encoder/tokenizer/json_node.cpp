#include "encoder/tokenizer/json_node.h"

#include <fmt/format.h>

namespace orthant {
namespace {

using simdjson::dom::element_type;

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
  const auto members = ORTHANT_TRY(object());
  simdjson::dom::element value;
  if (members.at_key(key).get(value) != simdjson::SUCCESS || value.is_null()) return std::nullopt;
  return child(value, key);
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

JsonNode JsonNode::child(simdjson::dom::element element, std::string_view name) const {
  return {element, file_, path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name)};
}

std::unexpected<Error> JsonNode::error(std::string_view what) const {
  return data_corruption(fmt::format("{}: {}{}{}", file_, path_, path_.empty() ? "" : ": ", what));
}

std::unexpected<Error> JsonNode::mismatch(std::string_view expected) const {
  return error(fmt::format("found {}, expected {}", type_name(element_.type()), expected));
}

}  // namespace orthant
