#pragma once
// Text without the blanks around it. Free function, any thread.

#include <string_view>

namespace orthant {

// Without spaces, tabs, carriage returns and line feeds at both ends. A part of `text`.
inline std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

}  // namespace orthant
