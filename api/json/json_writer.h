#pragma once
// JsonWriter: appends JSON to a string that the caller owns, commas set by itself. Calls must come in an order that makes JSON
// (key() before each member's value); that is the caller's duty and not checked. One thread at a time.

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace orthant {

// Appends `text` quoted and escaped.
void append_json_string(std::string& out, std::string_view text);
// The shortest text that gives the same float (double) back, always with a point or an exponent: 0.19, 1.0, 1e30. NaN and
// infinity, which JSON lacks, become null.
void append_json_number(std::string& out, float value);
void append_json_number(std::string& out, double value);

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);

  JsonWriter& string(std::string_view text);
  JsonWriter& boolean(bool value) { return raw(value ? "true" : "false"); }
  JsonWriter& null() { return raw("null"); }
  JsonWriter& number(float value);
  JsonWriter& number(double value);
  JsonWriter& number(std::unsigned_integral auto value) { return unsigned_integer(value); }
  JsonWriter& number(std::signed_integral auto value) { return signed_integer(value); }
  template <typename T>
  JsonWriter& number_or_null(const std::optional<T>& value) {
    return value ? number(*value) : null();
  }
  // A list of floats.
  JsonWriter& numbers(std::span<const float> values);
  // A value that is JSON already (a payload).
  JsonWriter& raw(std::string_view json);

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  JsonWriter& unsigned_integer(std::uint64_t value);
  JsonWriter& signed_integer(std::int64_t value);
  void before_value();

  std::string& out_;
  bool comma_due_ = false;
};

}  // namespace orthant
