#include "api/json/json_reader.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <simdjson.h>

#include "base/json_grammar.h"

// A document is its text and a table of nodes in the order of the text, made in the one pass that checks the grammar. A list of
// numbers is one node, whatever its length, and its floats stand ready in a table of their own: embeddings are most of what is
// sent, and reading their text once takes half the time of checking it first and converting it later.

namespace orthant {

struct JsonNode {
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t begin = 0;  // of the value's text
  std::uint32_t end = 0;
  std::uint32_t key_begin = kNone;  // of the member's name, without quotes, still escaped; kNone: no member
  std::uint32_t key_end = 0;
  std::uint32_t parent = kNone;
  std::uint32_t after = 0;  // first node that is not inside this one
  std::uint32_t count = 0;  // elements or members
  JsonKind kind = JsonKind::kNull;
  bool number_list = false;  // elements have no nodes, but floats
  std::size_t first_float = 0;
};

struct JsonData {
  std::string text;
  std::vector<JsonNode> nodes;
  std::vector<float> floats;  // infinite where a number is beyond float

  std::string_view slice(std::uint32_t begin, std::uint32_t end) const { return std::string_view(text).substr(begin, end - begin); }
};

namespace {

constexpr std::string_view kFormatPrefix = "Format error in JSON body: ";
constexpr std::string_view kValidationPrefix = "Validation error in JSON body: ";

JsonKind kind_of(JsonPart part) {
  switch (part) {
    case JsonPart::kNull: return JsonKind::kNull;
    case JsonPart::kBool: return JsonKind::kBool;
    case JsonPart::kNumber: return JsonKind::kNumber;
    case JsonPart::kString: return JsonKind::kString;
    case JsonPart::kArray: return JsonKind::kArray;
    case JsonPart::kObject: return JsonKind::kObject;
  }
  return JsonKind::kNull;
}

// Makes nodes out of the parts that the grammar finds.
class NodeBuilder {
 public:
  explicit NodeBuilder(JsonData& data) : nodes_(data.nodes), floats_(data.floats) {}

  void key(std::size_t begin, std::size_t end) {
    key_begin_ = static_cast<std::uint32_t>(begin);
    key_end_ = static_cast<std::uint32_t>(end);
  }
  void scalar(JsonPart part, std::size_t begin, std::size_t end) { add_leaf(kind_of(part), begin, end); }
  void begin_list() { list_start_ = floats_.size(); }
  const char* list_number(const char* p, const char* end) {
    float value = 0;
    const char* after = read_json_float(p, end, value);
    if (after == nullptr) {
      after = skip_json_number(p, end);
      value = std::numeric_limits<float>::infinity();
    }
    if (after != nullptr) floats_.push_back(value);
    return after;
  }
  void abandon_list() { floats_.resize(list_start_); }
  void end_list(std::size_t begin, std::size_t end, std::size_t count) {
    add_leaf(JsonKind::kArray, begin, end);
    nodes_.back().number_list = true;
    nodes_.back().first_float = list_start_;
    nodes_.back().count = static_cast<std::uint32_t>(count);
  }
  void open(JsonPart part, std::size_t begin) {
    add(kind_of(part), begin);
    parent_ = static_cast<std::uint32_t>(nodes_.size() - 1);
  }
  void close(std::size_t end, std::size_t count) {
    JsonNode& node = nodes_[parent_];
    node.end = static_cast<std::uint32_t>(end);
    node.count = static_cast<std::uint32_t>(count);
    node.after = static_cast<std::uint32_t>(nodes_.size());
    parent_ = node.parent;
  }

 private:
  void add(JsonKind kind, std::size_t begin) {
    JsonNode& node = nodes_.emplace_back();
    node.kind = kind;
    node.begin = static_cast<std::uint32_t>(begin);
    node.parent = parent_;
    node.key_begin = std::exchange(key_begin_, JsonNode::kNone);
    node.key_end = key_end_;
  }
  void add_leaf(JsonKind kind, std::size_t begin, std::size_t end) {
    add(kind, begin);
    nodes_.back().end = static_cast<std::uint32_t>(end);
    nodes_.back().after = static_cast<std::uint32_t>(nodes_.size());
  }

  std::vector<JsonNode>& nodes_;
  std::vector<float>& floats_;
  std::size_t list_start_ = 0;
  std::uint32_t parent_ = JsonNode::kNone;
  std::uint32_t key_begin_ = JsonNode::kNone;
  std::uint32_t key_end_ = 0;
};

// "line 3 column 14", counted in bytes from 1.
std::string place_in(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  return "line " + std::to_string(line) + " column " + std::to_string(offset - line_start + 1);
}

}  // namespace

std::string_view json_kind_name(JsonKind kind) {
  switch (kind) {
    case JsonKind::kNull: return "null";
    case JsonKind::kBool: return "a boolean";
    case JsonKind::kNumber: return "a number";
    case JsonKind::kString: return "a string";
    case JsonKind::kArray: return "an array";
    case JsonKind::kObject: return "an object";
  }
  return "nothing";
}

JsonErrorKind json_error_kind(const Error& error) {
  if (error.message.starts_with(kFormatPrefix)) return JsonErrorKind::kFormat;
  if (error.message.starts_with(kValidationPrefix)) return JsonErrorKind::kValidation;
  return JsonErrorKind::kNone;
}

std::unexpected<Error> json_format_error(std::string_view message) {
  return invalid_argument(std::string(kFormatPrefix).append(message));
}

std::unexpected<Error> json_validation_error(std::string_view message) {
  return invalid_argument(std::string(kValidationPrefix).append("[").append(message).append("]"));
}

// ---- JsonDocument ----

JsonDocument::JsonDocument(std::unique_ptr<const JsonData> data) : data_(std::move(data)) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;

Result<JsonDocument> JsonDocument::parse(std::string text) {
  if (text.size() >= JsonNode::kNone) return json_format_error("the text has 4 GiB or more");
  auto data = std::make_unique<JsonData>();
  data->text = std::move(text);
  NodeBuilder builder(*data);
  JsonGrammar grammar(data->text, kMaxDepth, builder);
  if (!grammar.parse()) {
    return json_format_error(std::string(grammar.problem()) + " at " + place_in(data->text, grammar.problem_offset()));
  }
  if (!simdjson::validate_utf8(data->text.data(), data->text.size())) return json_format_error("the text is not UTF-8");
  return JsonDocument(std::move(data));
}

JsonValue JsonDocument::root() const {
  return JsonValue(data_.get(), 0);
}

// ---- JsonValue ----

const JsonNode& JsonValue::node() const {
  return data_->nodes[node_];
}

JsonKind JsonValue::kind() const {
  return is_listed_number() ? JsonKind::kNumber : node().kind;
}

bool JsonValue::is_integer() const {
  return is_number() && raw().find_first_of(".eE") == std::string_view::npos;
}

std::string_view JsonValue::raw() const {
  return is_listed_number() ? data_->slice(begin_, end_) : data_->slice(node().begin, node().end);
}

std::string JsonValue::key() const {
  std::string plain;
  const JsonNode& here = node();
  if (!is_listed_number() && here.key_begin != JsonNode::kNone) unescape_json(data_->slice(here.key_begin, here.key_end), plain);
  return plain;
}

std::string JsonValue::path() const {
  std::string own;
  if (is_listed_number()) {
    std::size_t position = 0;
    for (const JsonValue element : JsonValue(data_, node_).items()) {
      if (element.begin_ == begin_) break;
      ++position;
    }
    return JsonValue(data_, node_).path() + "[" + std::to_string(position) + "]";
  }
  const std::uint32_t parent = node().parent;
  if (parent == JsonNode::kNone) return own;
  const std::string above = JsonValue(data_, parent).path();
  if (node().key_begin != JsonNode::kNone) return above.empty() ? key() : above + "." + key();
  std::size_t position = 0;
  for (std::uint32_t sibling = parent + 1; sibling != node_; sibling = data_->nodes[sibling].after) ++position;
  return above + "[" + std::to_string(position) + "]";
}

Result<std::string_view> JsonValue::number_text(std::string_view wanted) const {
  if (!is_number()) return expected(wanted);
  return raw();
}

Result<bool> JsonValue::as_bool() const {
  if (!is_bool()) return expected("a boolean");
  return raw() == "true";
}

Result<std::uint64_t> JsonValue::as_uint() const {
  const std::string_view text = ORTHANT_TRY(number_text("an unsigned integer"));
  const std::optional<std::uint64_t> value = json_to_uint(text);
  if (!value) return format_error("invalid value: " + std::string(text) + ", expected an unsigned 64-bit integer");
  return *value;
}

Result<std::int64_t> JsonValue::as_int() const {
  const std::string_view text = ORTHANT_TRY(number_text("an integer"));
  const std::optional<std::int64_t> value = json_to_int(text);
  if (!value) return format_error("invalid value: " + std::string(text) + ", expected a signed 64-bit integer");
  return *value;
}

Result<double> JsonValue::as_double() const {
  const std::string_view text = ORTHANT_TRY(number_text("a number"));
  const double value = json_to_double(text);
  if (!std::isfinite(value)) return format_error("number out of range: " + std::string(text));
  return value;
}

Result<float> JsonValue::as_float() const {
  const std::string_view text = ORTHANT_TRY(number_text("a number"));
  float value = 0;
  if (read_json_float(text.data(), text.data() + text.size(), value) == nullptr) {
    return format_error("number out of range: " + std::string(text));
  }
  return value;
}

Result<std::string> JsonValue::as_string() const {
  if (!is_string()) return expected("a string");
  std::string plain;
  const std::string_view text = raw();
  unescape_json(text.substr(1, text.size() - 2), plain);
  return plain;
}

Result<std::vector<float>> JsonValue::as_floats() const {
  std::vector<float> values;
  const Status status = append_floats(values);
  if (!status) return std::unexpected(status.error());
  return values;
}

Status JsonValue::append_floats(std::vector<float>& out) const {
  if (!is_array()) return expected("a list of numbers");
  const auto begin = data_->floats.begin() + static_cast<std::ptrdiff_t>(node().first_float);
  const auto end = begin + (node().number_list ? static_cast<std::ptrdiff_t>(size()) : 0);
  if (end - begin == static_cast<std::ptrdiff_t>(size()) &&
      std::all_of(begin, end, [](float value) { return std::isfinite(value); })) {
    out.insert(out.end(), begin, end);
    return {};
  }
  // Something else than a number is in it, or one beyond float: the slow way finds and names it.
  for (const JsonValue element : items()) out.push_back(ORTHANT_TRY(element.as_float()));
  return {};
}

std::size_t JsonValue::size() const {
  return is_listed_number() ? 0 : node().count;
}

JsonValue::Items JsonValue::items() const {
  return Items(*this);
}

Status JsonValue::expect_array() const {
  if (!is_array()) return expected("an array");
  return {};
}

Status JsonValue::expect_object() const {
  if (!is_object()) return expected("an object");
  return {};
}

std::optional<JsonValue> JsonValue::find_or_null(std::string_view name) const {
  if (!is_object()) return std::nullopt;
  std::optional<JsonValue> found;
  const std::uint32_t after = node().after;
  for (std::uint32_t member = node_ + 1; member < after; member = data_->nodes[member].after) {
    const JsonNode& here = data_->nodes[member];
    if (json_text_equals(data_->slice(here.key_begin, here.key_end), name)) found = JsonValue(data_, member);
  }
  return found;
}

std::optional<JsonValue> JsonValue::find(std::string_view name) const {
  const std::optional<JsonValue> found = find_or_null(name);
  return found && !found->is_null() ? found : std::nullopt;
}

Result<JsonValue> JsonValue::require(std::string_view name) const {
  const Status object = expect_object();
  if (!object) return std::unexpected(object.error());
  const std::optional<JsonValue> found = find(name);
  if (!found) return format_error("missing field `" + std::string(name) + "`");
  return *found;
}

Result<std::optional<bool>> JsonValue::find_bool(std::string_view name) const {
  const std::optional<JsonValue> found = find(name);
  if (!found) return std::nullopt;
  return ORTHANT_TRY(found->as_bool());
}

Result<std::optional<std::uint64_t>> JsonValue::find_uint(std::string_view name) const {
  const std::optional<JsonValue> found = find(name);
  if (!found) return std::nullopt;
  return ORTHANT_TRY(found->as_uint());
}

Result<std::optional<double>> JsonValue::find_double(std::string_view name) const {
  const std::optional<JsonValue> found = find(name);
  if (!found) return std::nullopt;
  return ORTHANT_TRY(found->as_double());
}

Result<std::optional<std::string>> JsonValue::find_string(std::string_view name) const {
  const std::optional<JsonValue> found = find(name);
  if (!found) return std::nullopt;
  return ORTHANT_TRY(found->as_string());
}

Result<std::vector<std::string>> JsonValue::as_strings() const {
  std::vector<std::string> strings;
  if (is_string()) {
    strings.push_back(ORTHANT_TRY(as_string()));
    return strings;
  }
  if (!is_array()) return expected("a string or a list of strings");
  for (const JsonValue element : items()) strings.push_back(ORTHANT_TRY(element.as_string()));
  return strings;
}

// ---- errors ----

std::unexpected<Error> JsonValue::format_error(std::string_view message) const {
  const std::string where = path();
  return json_format_error(where.empty() ? std::string(message) : where + ": " + std::string(message));
}

std::unexpected<Error> JsonValue::validation_error(std::string_view message) const {
  const std::string where = path();
  return json_validation_error(where.empty() ? std::string(message) : where + ": " + std::string(message));
}

std::unexpected<Error> JsonValue::expected(std::string_view what) const {
  return format_error("invalid type: " + std::string(json_kind_name(kind())) + ", expected " + std::string(what));
}

std::unexpected<Error> JsonValue::out_of_range(std::string_view must) const {
  constexpr std::size_t kMostShown = 100;
  std::string shown(raw().substr(0, kMostShown));
  if (shown.size() < raw().size()) {
    // Not in the middle of a character.
    while ((static_cast<unsigned char>(raw()[shown.size()]) & 0xC0) == 0x80) shown.pop_back();
    shown += "...";
  }
  return validation_error("value " + shown + " invalid, " + std::string(must));
}

// ---- Items ----

JsonValue::Items::Iterator JsonValue::Items::begin() const {
  const std::size_t count = parent_.size();
  if (count == 0) return end();
  const JsonData& data = *parent_.data_;
  if (!parent_.node().number_list) return {JsonValue(&data, parent_.node_ + 1), count};
  const char* const text = data.text.data();
  const char* const limit = text + parent_.node().end;
  const char* number = skip_json_space(text + parent_.node().begin + 1, limit);
  const char* after = skip_json_number(number, limit);
  return {JsonValue(&data, parent_.node_, static_cast<std::uint32_t>(number - text), static_cast<std::uint32_t>(after - text)),
          count};
}

JsonValue::Items::Iterator JsonValue::Items::end() const {
  return {parent_, 0};
}

JsonValue::Items::Iterator& JsonValue::Items::Iterator::operator++() {
  if (--remaining_ == 0) return *this;
  if (!value_.is_listed_number()) {
    value_.node_ = value_.node().after;
    return *this;
  }
  const char* const text = value_.data_->text.data();
  const char* const limit = text + value_.node().end;
  const char* comma = skip_json_space(text + value_.end_, limit);
  const char* number = skip_json_space(comma + 1, limit);
  value_.begin_ = static_cast<std::uint32_t>(number - text);
  value_.end_ = static_cast<std::uint32_t>(skip_json_number(number, limit) - text);
  return *this;
}

Result<std::string> payload_text(JsonValue value) {
  if (value.is_null()) return "{}";
  if (!value.is_object()) return value.expected("an object");
  return std::string(value.raw());
}

}  // namespace orthant
