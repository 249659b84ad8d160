#pragma once
// JsonDocument and JsonValue: typed reading of request bodies. The whole text is checked once, when it is parsed (grammar, UTF-8,
// depth, nothing after the value), also where nobody looks later; afterwards values can be read in any order and any number of
// times. Every value knows its text as given (raw(): payloads are kept by it) and its path, which is put into errors.
//
// Errors carry invalid_argument and a message that starts with one of two prefixes (json_error_kind tells them apart):
//   "Format error in JSON body: "      not JSON, wrong type, missing required field  -> HTTP 400
//   "Validation error in JSON body: "  well formed, but out of range                 -> HTTP 422
//
// A document may be read from several threads at once; values are small views into it and must not outlive it.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace orthant {

enum class JsonKind : std::uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };
std::string_view json_kind_name(JsonKind kind);  // "null", "a boolean", "a number", "a string", "an array", "an object"

enum class JsonErrorKind { kNone, kFormat, kValidation };
// kNone: the error does not come from reading JSON.
JsonErrorKind json_error_kind(const Error& error);
// "Format error in JSON body: <message>" and "Validation error in JSON body: [<message>]".
std::unexpected<Error> json_format_error(std::string_view message);
std::unexpected<Error> json_validation_error(std::string_view message);

struct JsonData;
struct JsonNode;

class JsonValue {
 public:
  JsonKind kind() const;
  bool is_null() const { return kind() == JsonKind::kNull; }
  bool is_bool() const { return kind() == JsonKind::kBool; }
  bool is_number() const { return kind() == JsonKind::kNumber; }
  bool is_string() const { return kind() == JsonKind::kString; }
  bool is_array() const { return kind() == JsonKind::kArray; }
  bool is_object() const { return kind() == JsonKind::kObject; }
  // A number written without point and exponent, of any size.
  bool is_integer() const;

  // The text as given, without space around it.
  std::string_view raw() const;
  // As in points[3].vector; empty for the root.
  std::string path() const;

  // Each fails with a format error when the value is of another type or does not fit.
  Result<bool> as_bool() const;
  Result<std::uint64_t> as_uint() const;
  Result<std::int64_t> as_int() const;
  Result<double> as_double() const;  // infinity (1e400) is refused
  Result<float> as_float() const;
  Result<std::string> as_string() const;  // unescaped
  // A list of numbers; null or any other element, or one beyond float, is an error that names the element. The fast path.
  Result<std::vector<float>> as_floats() const;
  // Appends to `out` (rows of a matrix, one after the other).
  Status append_floats(std::vector<float>& out) const;

  // Elements of an array or members of an object; 0 for other kinds.
  std::size_t size() const;
  // Elements of an array, members' values of an object; empty for other kinds. for (JsonValue element : value.items())
  class Items;
  Items items() const;
  // Format error unless this is an array (an object).
  Status expect_array() const;
  Status expect_object() const;
  // The member's name, for values reached through an object.
  std::string key() const;

  // Member by name; of equal names the last. Nothing when absent, null or not an object: Qdrant takes null as absent.
  std::optional<JsonValue> find(std::string_view name) const;
  // The same, but tells null from absent.
  std::optional<JsonValue> find_or_null(std::string_view name) const;
  // Format error "missing field `name`" when absent or null, or when this is not an object.
  Result<JsonValue> require(std::string_view name) const;

  // Optional members: nothing when absent or null.
  Result<std::optional<bool>> find_bool(std::string_view name) const;
  Result<std::optional<std::uint64_t>> find_uint(std::string_view name) const;
  Result<std::optional<double>> find_double(std::string_view name) const;
  Result<std::optional<std::string>> find_string(std::string_view name) const;
  // A string, or a list of strings.
  Result<std::vector<std::string>> as_strings() const;

  // A format error, e.g. expected("a number") -> "points[3].id: invalid type: a string, expected a number".
  std::unexpected<Error> expected(std::string_view what) const;
  // "<path>: <message>"
  std::unexpected<Error> format_error(std::string_view message) const;
  // "<path>: value <raw> invalid, <must>", e.g. "limit: value 0 invalid, must be 1 or larger".
  std::unexpected<Error> out_of_range(std::string_view must) const;
  // "<path>: <message>"
  std::unexpected<Error> validation_error(std::string_view message) const;

 private:
  friend class JsonDocument;
  JsonValue(const JsonData* data, std::uint32_t node, std::uint32_t begin = 0, std::uint32_t end = 0)
      : data_(data), node_(node), begin_(begin), end_(end) {}
  const JsonNode& node() const;
  bool is_listed_number() const { return end_ != 0; }
  Result<std::string_view> number_text(std::string_view wanted) const;

  const JsonData* data_;
  std::uint32_t node_;       // in the document's table of nodes
  std::uint32_t begin_ = 0;  // where end_ > 0: a number at [begin_, end_) of the text inside the list of numbers `node_`
  std::uint32_t end_ = 0;
};

class JsonValue::Items {
 public:
  class Iterator {
   public:
    JsonValue operator*() const { return value_; }
    Iterator& operator++();
    bool operator==(const Iterator& other) const { return remaining_ == other.remaining_; }

   private:
    friend class Items;
    Iterator(JsonValue value, std::size_t remaining) : value_(value), remaining_(remaining) {}
    JsonValue value_;
    std::size_t remaining_;
  };
  Iterator begin() const;
  Iterator end() const;

 private:
  friend class JsonValue;
  explicit Items(JsonValue parent) : parent_(parent) {}
  JsonValue parent_;
};

class JsonDocument {
 public:
  static constexpr std::size_t kMaxDepth = 128;
  // Texts of 4 GiB and more are refused.
  static Result<JsonDocument> parse(std::string text);
  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;
  ~JsonDocument();

  // Values stay good when the document is moved.
  JsonValue root() const;

 private:
  explicit JsonDocument(std::unique_ptr<const JsonData> data);
  std::unique_ptr<const JsonData> data_;
};

// A payload as the engine takes it: the text of an object as given, "{}" for null.
Result<std::string> payload_text(JsonValue value);

}  // namespace orthant
