#pragma once
// Numbers that are written as text. Free function, any thread.

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace orthant {

// The whole of the text as a number (no blanks, no plus sign); nothing when it is none or lies outside of Number's range.
template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

}  // namespace orthant
