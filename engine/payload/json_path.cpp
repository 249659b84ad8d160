#include "engine/payload/json_path.h"

#include <algorithm>
#include <charconv>

#include <utf8proc.h>

namespace orthant {
namespace {

// Letters and digits of any script, '_' and '-'. Length in bytes of the character at the front, 0 when it is none of these.
std::size_t key_character(std::string_view text) {
  utf8proc_int32_t code_point = 0;
  const auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                       static_cast<utf8proc_ssize_t>(text.size()), &code_point);
  if (length <= 0) return 0;
  if (code_point == '_' || code_point == '-') return 1;
  const utf8proc_category_t category = utf8proc_category(code_point);
  const bool letter = category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
  const bool digit = category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
  return letter || digit ? static_cast<std::size_t>(length) : 0;
}

// Takes a key off the front; false when there is none.
bool take_key(std::string_view& text, JsonPath::Step& step) {
  if (text.starts_with('"')) {
    const std::size_t closing = text.find('"', 1);
    if (closing == std::string_view::npos) return false;
    step.key = text.substr(1, closing - 1);
    text.remove_prefix(closing + 1);
    return true;
  }
  std::size_t length = 0;
  while (length < text.size()) {
    const std::size_t more = key_character(text.substr(length));
    if (more == 0) break;
    length += more;
  }
  step.key = text.substr(0, length);
  text.remove_prefix(length);
  return length > 0;
}

// Takes "[]" or "[7]" off the front.
bool take_brackets(std::string_view& text, JsonPath::Step& step) {
  const std::size_t closing = text.find(']');
  if (closing == std::string_view::npos) return false;
  const std::string_view inside = text.substr(1, closing - 1);
  text.remove_prefix(closing + 1);
  step.kind = inside.empty() ? JsonPath::StepKind::kEach : JsonPath::StepKind::kIndex;
  if (inside.empty()) return true;
  if (!std::ranges::all_of(inside, [](char c) { return c >= '0' && c <= '9'; })) return false;
  return std::from_chars(inside.data(), inside.data() + inside.size(), step.index).ec == std::errc();
}

}  // namespace

Result<JsonPath> JsonPath::parse(std::string_view text) {
  const auto invalid = [whole = text] { return invalid_argument("Invalid json path: '" + std::string(whole) + "'"); };
  JsonPath path;
  for (;;) {
    Step key;
    if (!take_key(text, key)) return invalid();
    path.steps_.push_back(std::move(key));
    while (text.starts_with('[')) {
      Step brackets;
      if (!take_brackets(text, brackets)) return invalid();
      path.steps_.push_back(std::move(brackets));
    }
    if (text.empty()) return path;
    if (text.front() != '.') return invalid();
    text.remove_prefix(1);
  }
}

}  // namespace orthant
