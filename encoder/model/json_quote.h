#pragma once
// A string as JSON, for the few files that the encoder writes.

#include <string>
#include <string_view>

#include <fmt/format.h>

namespace orthant {

// In quotes; UTF-8 stays as it is.
inline std::string quoted_json(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace orthant
