#pragma once
// Members of JSON objects as all files of a model are read: what is null is absent.

#include <optional>
#include <string_view>

#include <simdjson.h>

namespace orthant {

// Nothing too where `value` is no object.
inline std::optional<simdjson::dom::element> json_member(simdjson::dom::element value, std::string_view key) {
  simdjson::dom::element member;
  if (!value.is_object() || value[key].get(member) != simdjson::SUCCESS || member.is_null()) return std::nullopt;
  return member;
}

}  // namespace orthant
