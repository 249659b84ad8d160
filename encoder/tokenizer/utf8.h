#pragma once
// Reading and writing code points as UTF-8. Free functions, any thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace orthant {

bool is_valid_utf8(std::string_view bytes);

// Each maximal invalid part becomes U+FFFD, as Python's bytes.decode(errors="replace") does.
std::string replace_invalid_utf8(std::string_view bytes);

// The code point that starts at `position` of valid UTF-8; moves `position` past it.
inline char32_t decode_code_point(std::string_view text, std::size_t& position) {
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<std::uint8_t>(text[position + i])); };
  const char32_t lead = byte(0);
  if (lead < 0x80) {
    position += 1;
    return lead;
  }
  if (lead < 0xE0) {
    const char32_t code_point = (lead & 0x1F) << 6 | (byte(1) & 0x3F);
    position += 2;
    return code_point;
  }
  if (lead < 0xF0) {
    const char32_t code_point = (lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    position += 3;
    return code_point;
  }
  const char32_t code_point = (lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  position += 4;
  return code_point;
}

// Where the code point begins that ends before `end` (end > 0) of valid UTF-8.
inline std::size_t code_point_begin_before(std::string_view text, std::size_t end) {
  std::size_t position = end - 1;
  while ((static_cast<std::uint8_t>(text[position]) & 0xC0) == 0x80) --position;
  return position;
}

// Whether a character begins at `position`, or the text ends there.
inline bool begins_character(std::string_view text, std::size_t position) {
  return position == text.size() || (static_cast<std::uint8_t>(text[position]) & 0xC0) != 0x80;
}

inline void append_code_point(std::string& out, char32_t code_point) {
  const auto put = [&](char32_t bits) { out.push_back(static_cast<char>(bits)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

// Code points of valid UTF-8.
std::size_t count_code_points(std::string_view text);

}  // namespace orthant
