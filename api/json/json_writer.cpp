#include "api/json/json_writer.h"

#include <array>
#include <charconv>
#include <cmath>

#include "base/json_text.h"

namespace orthant {
namespace {

void append_escape(std::string& out, char c) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    default:
      out += "\\u00";
      out += kDigits[static_cast<unsigned char>(c) >> 4];
      out += kDigits[c & 15];
  }
}

// Where plain notation ends and exponents begin, as users of Qdrant are used to see them.
struct PlainRange {
  int most_digits_before_point;
  int most_zeros_after_point;
};
constexpr PlainRange plain_range(float) {
  return {13, 5};
}
constexpr PlainRange plain_range(double) {
  return {16, 4};
}

// `digits` (the first before the point) times 10^exponent.
void append_decimal(std::string& out, std::string_view digits, int exponent, PlainRange range) {
  const int count = static_cast<int>(digits.size());
  const int before_point = exponent + 1;
  if (before_point >= count && before_point <= range.most_digits_before_point) {
    out += digits;
    out.append(static_cast<std::size_t>(before_point - count), '0');
    out += ".0";
  } else if (before_point > 0 && before_point <= range.most_digits_before_point) {
    out += digits.substr(0, static_cast<std::size_t>(before_point));
    out += '.';
    out += digits.substr(static_cast<std::size_t>(before_point));
  } else if (before_point <= 0 && -before_point <= range.most_zeros_after_point) {
    out += "0.";
    out.append(static_cast<std::size_t>(-before_point), '0');
    out += digits;
  } else {
    out += digits.substr(0, 1);
    if (count > 1) {
      out += '.';
      out += digits.substr(1);
    }
    out += 'e';
    out += std::to_string(exponent);
  }
}

template <typename Float>
void append_shortest(std::string& out, Float value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  if (value == 0) {
    out += std::signbit(value) ? "-0.0" : "0.0";
    return;
  }
  std::array<char, 32> text;
  const char* end = std::to_chars(text.data(), text.data() + text.size(), std::abs(value), std::chars_format::scientific).ptr;
  // d[.ddd]e(+|-)xx: the digits are drawn together, the exponent is read.
  const std::string_view scientific(text.data(), static_cast<std::size_t>(end - text.data()));
  const std::size_t e = scientific.find('e');
  int exponent = 0;
  const std::size_t sign = scientific[e + 1] == '+' ? 1 : 0;
  std::from_chars(scientific.data() + e + 1 + sign, end, exponent);
  std::size_t count = 1;
  for (std::size_t i = 2; i < e; ++i) text[count++] = text[i];
  if (value < 0) out += '-';
  append_decimal(out, {text.data(), count}, exponent, plain_range(value));
}

template <typename Integer>
void append_integer(std::string& out, Integer value) {
  std::array<char, 24> text;
  out.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr);
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  const char* p = text.data();
  const char* const end = p + text.size();
  for (;;) {
    const char* special = find_json_string_special(p, end);
    out.append(p, special);
    if (special == end) break;
    append_escape(out, *special);
    p = special + 1;
  }
  out += '"';
}

void append_json_number(std::string& out, float value) {
  append_shortest(out, value);
}
void append_json_number(std::string& out, double value) {
  append_shortest(out, value);
}

void JsonWriter::before_value() {
  if (comma_due_) out_ += ',';
  comma_due_ = true;
}

JsonWriter& JsonWriter::open(char bracket) {
  before_value();
  out_ += bracket;
  comma_due_ = false;
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  out_ += bracket;
  comma_due_ = true;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  before_value();
  append_json_string(out_, name);
  out_ += ':';
  comma_due_ = false;
  return *this;
}

JsonWriter& JsonWriter::string(std::string_view text) {
  before_value();
  append_json_string(out_, text);
  return *this;
}

JsonWriter& JsonWriter::number(float value) {
  before_value();
  append_shortest(out_, value);
  return *this;
}

JsonWriter& JsonWriter::number(double value) {
  before_value();
  append_shortest(out_, value);
  return *this;
}

JsonWriter& JsonWriter::unsigned_integer(std::uint64_t value) {
  before_value();
  append_integer(out_, value);
  return *this;
}

JsonWriter& JsonWriter::signed_integer(std::int64_t value) {
  before_value();
  append_integer(out_, value);
  return *this;
}

JsonWriter& JsonWriter::numbers(std::span<const float> values) {
  begin_array();
  for (const float value : values) number(value);
  return end_array();
}

JsonWriter& JsonWriter::raw(std::string_view json) {
  before_value();
  out_ += json;
  return *this;
}

}  // namespace orthant
