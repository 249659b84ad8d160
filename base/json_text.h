#pragma once
// JSON as text: skipping, splitting, unescaping and converting the parts of JSON texts without building trees. The skip_ functions
// with a result of nullptr are strict; the walking functions trust that the text was checked (json_grammar.h) and, given another,
// still never leave it. Pure functions, for any thread.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace orthant {

inline const char* skip_json_space(const char* p, const char* end) {
  while (p != end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) ++p;
  return p;
}

// Behind the number that starts at `p` by RFC 8259's grammar; nullptr when none does.
const char* skip_json_number(const char* p, const char* end);

// The first quote, backslash or control character from `p`; `end` when there is none.
const char* find_json_string_special(const char* p, const char* end);

// Behind the escape at `p` (a backslash), surrogate pairs as one; nullptr when it is not valid.
const char* skip_json_escape(const char* p, const char* end);

// Appends what a string's text (without quotes) stands for.
void unescape_json(std::string_view text, std::string& out);

// Whether a string's text (without quotes) stands for `plain`.
bool json_text_equals(std::string_view text, std::string_view plain);

// Reads the number at `p` strictly and gives its end; nullptr when there is none or the value is beyond float. The float is that
// nearest to the nearest double, as other readers of JSON get it.
const char* read_json_float(const char* p, const char* end, float& value);

// Of the whole text, which is a JSON number. Infinity where it is beyond double.
double json_to_double(std::string_view number);
// Nothing when it has a point or exponent or does not fit.
std::optional<std::int64_t> json_to_int(std::string_view number);
std::optional<std::uint64_t> json_to_uint(std::string_view number);

// ---- walking checked texts ----

// Behind the string whose opening quote is at `p`; `end` when it is not closed.
const char* skip_checked_string(const char* p, const char* end);
// Behind the value at `p`; `end` when it is not complete.
const char* skip_checked_value(const char* p, const char* end);

// Calls visit(key, value) for each member: the key's text without quotes, still escaped, and the value's text. False when `object`
// is the text of no object or is broken. visit returns false to stop early (the answer is true then).
template <typename Visit>
bool for_each_member(std::string_view object, Visit&& visit) {
  const char* p = object.data();
  const char* const end = p + object.size();
  if (p == end || *p != '{') return false;
  p = skip_json_space(p + 1, end);
  if (p != end && *p == '}') return true;
  while (p != end && *p == '"') {
    const char* key = p + 1;
    p = skip_checked_string(p, end);
    if (p == end) return false;
    const std::string_view name(key, static_cast<std::size_t>(p - 1 - key));
    p = skip_json_space(p, end);
    if (p == end || *p != ':') return false;
    const char* value = skip_json_space(p + 1, end);
    p = skip_checked_value(value, end);
    if (p == end || p == value) return false;
    if (!visit(name, std::string_view(value, static_cast<std::size_t>(p - value)))) return true;
    p = skip_json_space(p, end);
    if (p == end) return false;
    if (*p == '}') return true;
    if (*p != ',') return false;
    p = skip_json_space(p + 1, end);
  }
  return false;
}

// The same for the elements of an array: visit(value).
template <typename Visit>
bool for_each_element(std::string_view array, Visit&& visit) {
  const char* p = array.data();
  const char* const end = p + array.size();
  if (p == end || *p != '[') return false;
  p = skip_json_space(p + 1, end);
  if (p != end && *p == ']') return true;
  while (p != end) {
    const char* value = p;
    p = skip_checked_value(value, end);
    if (p == end || p == value) return false;
    if (!visit(std::string_view(value, static_cast<std::size_t>(p - value)))) return true;
    p = skip_json_space(p, end);
    if (p == end) return false;
    if (*p == ']') return true;
    if (*p != ',') return false;
    p = skip_json_space(p + 1, end);
  }
  return false;
}

}  // namespace orthant
