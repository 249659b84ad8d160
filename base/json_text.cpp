#include "base/json_text.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "base/hex_digit.h"
#include "base/parse_number.h"

namespace orthant {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Finds the first byte that is no digit among eight at once; 8 when all are.
int leading_digits(std::uint64_t chunk) {
  constexpr std::uint64_t kHighNibbles = 0xF0F0F0F0F0F0F0F0;
  constexpr std::uint64_t kZeros = 0x3030303030303030;
  // A digit has the high nibble 3, also after 6 is added. A carry out of a byte reaches only bytes behind a non-digit.
  const std::uint64_t others = ((chunk ^ kZeros) | ((chunk + 0x0606060606060606) ^ kZeros)) & kHighNibbles;
  return others == 0 ? 8 : std::countr_zero(others) / 8;
}

const char* skip_digits(const char* p, const char* end) {
  if constexpr (std::endian::native == std::endian::little) {
    while (end - p >= 8) {
      std::uint64_t chunk = 0;
      std::memcpy(&chunk, p, 8);
      const int count = leading_digits(chunk);
      p += count;
      if (count < 8) return p;
    }
  }
  while (p != end && is_digit(*p)) ++p;
  return p;
}

// The four hex digits at `p`, or -1.
int read_hex4(const char* p, const char* end) {
  if (end - p < 4) return -1;
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = hex_digit_value(p[i]);
    if (digit < 0) return -1;
    value = value << 4 | digit;
  }
  return value;
}

bool is_high_surrogate(int unit) {
  return unit >= 0xD800 && unit < 0xDC00;
}
bool is_low_surrogate(int unit) {
  return unit >= 0xDC00 && unit < 0xE000;
}

void append_utf8(std::uint32_t code_point, std::string& out) {
  const auto byte = [&out](std::uint32_t value) { out += static_cast<char>(value); };
  if (code_point < 0x80) {
    byte(code_point);
  } else if (code_point < 0x800) {
    byte(0xC0 | code_point >> 6);
    byte(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    byte(0xE0 | code_point >> 12);
    byte(0x80 | (code_point >> 6 & 0x3F));
    byte(0x80 | (code_point & 0x3F));
  } else {
    byte(0xF0 | code_point >> 18);
    byte(0x80 | (code_point >> 12 & 0x3F));
    byte(0x80 | (code_point >> 6 & 0x3F));
    byte(0x80 | (code_point & 0x3F));
  }
}

char simple_escape(char c) {
  switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return c;
  }
}

constexpr std::array<double, 23> kPowersOfTen = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                                 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr int kMaxExactPower = 22;
constexpr int kMaxExactDigits = 19;  // fit 64 bits

// A decimal number taken apart: digits * 10^exponent.
struct Decimal {
  std::uint64_t digits = 0;
  int digit_count = 0;
  std::int64_t exponent = 0;
  bool negative = false;
};

// Eight digits at once: is every byte '0'..'9', and their value (the usual multiply trick, little-endian only).
bool eight_digits(const char* p, std::uint64_t& value) {
  std::uint64_t chunk = 0;
  std::memcpy(&chunk, p, 8);
  if (((chunk & 0xF0F0F0F0F0F0F0F0) | (((chunk + 0x0606060606060606) & 0xF0F0F0F0F0F0F0F0) >> 4)) != 0x3333333333333333)
    return false;
  chunk -= 0x3030303030303030;
  chunk = chunk * 10 + (chunk >> 8);
  value = (((chunk & 0x000000FF000000FF) * 0x000F424000000064) + (((chunk >> 16) & 0x000000FF000000FF) * 0x0000271000000001)) >> 32;
  return true;
}

const char* read_digits(const char* p, const char* end, Decimal& number) {
  std::uint64_t eight = 0;
  if constexpr (std::endian::native == std::endian::little) {
    while (end - p >= 8 && eight_digits(p, eight)) {
      number.digits = number.digits * 100'000'000 + eight;
      number.digit_count += 8;
      p += 8;
    }
  }
  for (; p != end && is_digit(*p); ++p) {
    number.digits = number.digits * 10 + static_cast<std::uint64_t>(*p - '0');
    ++number.digit_count;
  }
  return p;
}

const char* read_exponent(const char* p, const char* end, Decimal& number) {
  ++p;
  const bool negative = p != end && *p == '-';
  if (p != end && (*p == '-' || *p == '+')) ++p;
  if (p == end || !is_digit(*p)) return nullptr;
  std::int64_t exponent = 0;
  for (; p != end && is_digit(*p); ++p) exponent = std::min<std::int64_t>(exponent * 10 + (*p - '0'), 1'000'000);
  number.exponent += negative ? -exponent : exponent;
  return p;
}

// Strict in grammar. `digits` has wrapped round where digit_count is beyond kMaxExactDigits.
const char* read_decimal(const char* p, const char* end, Decimal& number) {
  if (p != end && *p == '-') {
    number.negative = true;
    ++p;
  }
  if (p == end || !is_digit(*p)) return nullptr;
  if (*p == '0') {
    ++p;
  } else {
    p = read_digits(p, end, number);
  }
  if (p != end && *p == '.') {
    const char* fraction = p + 1;
    // Zeros in front are no digits of the number: 0.0000123 keeps the exact path.
    p = fraction;
    if (number.digit_count == 0) {
      while (p != end && *p == '0') ++p;
    }
    p = read_digits(p, end, number);
    if (p == fraction) return nullptr;
    number.exponent = -(p - fraction);
  }
  if (p != end && (*p == 'e' || *p == 'E')) return read_exponent(p, end, number);
  return p;
}

// The float nearest to digits * 10^exponent, by one correctly rounded double operation on operands that are exact or off by half a
// unit; nothing where the double may be so near the middle of two floats that this could matter.
std::optional<float> quick_float(const Decimal& number) {
  if (number.digit_count > kMaxExactDigits || std::abs(number.exponent) > kMaxExactPower) return std::nullopt;
  double value = static_cast<double>(number.digits);
  if (number.exponent < 0) {
    value /= kPowersOfTen[static_cast<std::size_t>(-number.exponent)];
  } else {
    value *= kPowersOfTen[static_cast<std::size_t>(number.exponent)];
  }
  if (number.digits > std::uint64_t{1} << 53) {
    constexpr std::int64_t kMiddle = std::int64_t{1} << 28;  // float has 29 bits less than double
    constexpr std::int64_t kSafety = 8;
    const auto dropped = static_cast<std::int64_t>(std::bit_cast<std::uint64_t>(value) & ((std::uint64_t{1} << 29) - 1));
    if (std::abs(dropped - kMiddle) <= kSafety) return std::nullopt;
  }
  return static_cast<float>(number.negative ? -value : value);
}

}  // namespace

const char* skip_json_number(const char* p, const char* end) {
  if (p != end && *p == '-') ++p;
  if (p == end || !is_digit(*p)) return nullptr;
  p = *p == '0' ? p + 1 : skip_digits(p, end);
  if (p != end && *p == '.') {
    const char* fraction = p + 1;
    p = skip_digits(fraction, end);
    if (p == fraction) return nullptr;
  }
  if (p != end && (*p == 'e' || *p == 'E')) {
    ++p;
    if (p != end && (*p == '+' || *p == '-')) ++p;
    const char* exponent = p;
    p = skip_digits(exponent, end);
    if (p == exponent) return nullptr;
  }
  return p;
}

const char* find_json_string_special(const char* p, const char* end) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighs = 0x8080808080808080;
  const auto has_zero = [](std::uint64_t v) { return (v - kOnes) & ~v & kHighs; };
  while (end - p >= 8) {
    std::uint64_t chunk = 0;
    std::memcpy(&chunk, p, 8);
    const std::uint64_t control = (chunk - kOnes * 0x20) & ~chunk & kHighs;
    if ((has_zero(chunk ^ kOnes * '"') | has_zero(chunk ^ kOnes * '\\') | control) != 0) break;
    p += 8;
  }
  while (p != end && *p != '"' && *p != '\\' && static_cast<unsigned char>(*p) >= 0x20) ++p;
  return p;
}

const char* skip_json_escape(const char* p, const char* end) {
  if (end - p < 2) return nullptr;
  if (p[1] != 'u') return std::string_view("\"\\/bfnrt").find(p[1]) == std::string_view::npos ? nullptr : p + 2;
  const int unit = read_hex4(p + 2, end);
  if (unit < 0 || is_low_surrogate(unit)) return nullptr;
  if (!is_high_surrogate(unit)) return p + 6;
  if (end - p < 12 || p[6] != '\\' || p[7] != 'u' || !is_low_surrogate(read_hex4(p + 8, end))) return nullptr;
  return p + 12;
}

void unescape_json(std::string_view text, std::string& out) {
  const char* p = text.data();
  const char* const end = p + text.size();
  while (p != end) {
    const auto* backslash = static_cast<const char*>(std::memchr(p, '\\', static_cast<std::size_t>(end - p)));
    out.append(p, backslash == nullptr ? end : backslash);
    if (backslash == nullptr || end - backslash < 2) return;
    p = backslash + 2;
    if (p[-1] != 'u') {
      out += simple_escape(p[-1]);
      continue;
    }
    const int unit = read_hex4(p, end);
    if (unit < 0) return;
    p += 4;
    auto code_point = static_cast<std::uint32_t>(unit);
    if (is_high_surrogate(unit) && end - p >= 6) {
      const auto low = static_cast<std::uint32_t>(read_hex4(p + 2, end));
      code_point = 0x10000 + ((code_point - 0xD800) << 10) + (low - 0xDC00);
      p += 6;
    }
    append_utf8(code_point, out);
  }
}

bool json_text_equals(std::string_view text, std::string_view plain) {
  if (text == plain) return text.find('\\') == std::string_view::npos;
  if (text.find('\\') == std::string_view::npos) return false;
  std::string unescaped;
  unescape_json(text, unescaped);
  return unescaped == plain;
}

const char* read_json_float(const char* p, const char* end, float& value) {
  Decimal number;
  const char* after = read_decimal(p, end, number);
  if (after == nullptr) return nullptr;
  if (const std::optional<float> quick = quick_float(number)) {
    value = *quick;
  } else {
    value = static_cast<float>(json_to_double({p, static_cast<std::size_t>(after - p)}));
  }
  return std::isfinite(value) ? after : nullptr;
}

double json_to_double(std::string_view number) {
  double value = 0;
  const auto [p, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error == std::errc()) return value;
  // Beyond the range, which from_chars does not tell apart: strtod gives infinity or zero.
  return std::strtod(std::string(number).c_str(), nullptr);
}

std::optional<std::int64_t> json_to_int(std::string_view number) {
  return parse_number<std::int64_t>(number);
}

std::optional<std::uint64_t> json_to_uint(std::string_view number) {
  return parse_number<std::uint64_t>(number);
}

const char* skip_checked_string(const char* p, const char* end) {
  ++p;
  // Most strings are short: look at some bytes here before memchr is called for the rest.
  const char* near_end = end - p > 16 ? p + 16 : end;
  for (const char* start = p;;) {
    while (p != near_end && *p != '"') ++p;
    if (p == near_end && p != end) {
      p = static_cast<const char*>(std::memchr(p, '"', static_cast<std::size_t>(end - p)));
      if (p == nullptr) return end;
    }
    if (p == end) return end;
    // An odd number of backslashes in front escapes the quote.
    const char* before = p;
    while (before != start && before[-1] == '\\') --before;
    ++p;
    if ((p - 1 - before) % 2 == 0) return p;
    if (p > near_end) near_end = p;
  }
}

const char* skip_checked_value(const char* p, const char* end) {
  if (p == end) return end;
  if (*p == '"') return skip_checked_string(p, end);
  if (*p != '{' && *p != '[') {
    while (p != end && *p != ',' && *p != '}' && *p != ']' && *p != ' ' && *p != '\n' && *p != '\r' && *p != '\t') ++p;
    return p;
  }
  std::size_t depth = 0;
  while (p != end) {
    const char c = *p;
    if (c == '"') {
      p = skip_checked_string(p, end);
      continue;
    }
    ++p;
    if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return p;
    }
  }
  return end;
}

}  // namespace orthant
