#include "api/json/json_reader.h"

#include <random>

#include <gtest/gtest.h>

#include <simdjson.h>

#include "tests/support/random.h"

namespace orthant {
namespace {

JsonDocument parsed(std::string text) {
  auto document = JsonDocument::parse(std::move(text));
  EXPECT_TRUE(document) << document.error().message;
  return std::move(*document);
}

std::string parse_error(std::string text) {
  const auto document = JsonDocument::parse(std::move(text));
  return document ? "no error" : document.error().message;
}

template <typename T>
std::string error_of(const Result<T>& result) {
  return result ? "no error" : result.error().message;
}

TEST(JsonDocument, NamesThePlaceOfWhatIsWrong) {
  EXPECT_EQ(parse_error(""), "Format error in JSON body: the text ends too early at line 1 column 1");
  EXPECT_EQ(parse_error("{\"a\": 1,\n \"b\": nul}"), "Format error in JSON body: expected a value at line 2 column 7");
  EXPECT_EQ(parse_error("{} x"), "Format error in JSON body: unexpected text after the value at line 1 column 4");
  EXPECT_EQ(parse_error("{\"v\": [0.1, NaN]}"), "Format error in JSON body: expected a value at line 1 column 13");
  EXPECT_EQ(parse_error("{\"v\": [0.1, 0.2"), "Format error in JSON body: the text ends too early at line 1 column 16");
  EXPECT_EQ(parse_error("\"\xFF\""), "Format error in JSON body: the text is not UTF-8");
  EXPECT_EQ(parse_error("{\"a\": \"\xE5\x8C\"}"), "Format error in JSON body: the text is not UTF-8");
}

TEST(JsonDocument, RefusesDepthBombs) {
  EXPECT_NE(parse_error(std::string(100'000, '[')).find("nested too deeply"), std::string::npos);
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_NE(parse_error(objects).find("nested too deeply"), std::string::npos);
}

TEST(JsonDocument, ChecksWhatNobodyReads) {
  EXPECT_NE(parse_error(R"({"points": [], "stray": {"x": [1, 2, ]}})"), "no error");
  EXPECT_NE(parse_error(R"({"points": [], "stray": "\ud800"})"), "no error");
}

TEST(JsonValue, ReadsTypedValues) {
  const JsonDocument document = parsed(R"({"u": 18446744073709551615, "i": -9223372036854775808, "d": 1.5e3, "b": true,
                                           "s": "x\u00e9\n", "n": null, "list": ["a", "b"]})");
  const JsonValue root = document.root();
  EXPECT_EQ(root.require("u")->as_uint(), 18446744073709551615U);
  EXPECT_EQ(root.require("i")->as_int(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(root.require("d")->as_double(), 1500.0);
  EXPECT_EQ(root.require("b")->as_bool(), true);
  EXPECT_EQ(root.require("s")->as_string(), "x\xC3\xA9\n");
  EXPECT_EQ(root.require("list")->as_strings(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(root.require("s")->as_strings()->size(), 1U);
  EXPECT_FALSE(root.find("n"));
  EXPECT_TRUE(root.find_or_null("n")->is_null());
  EXPECT_FALSE(root.find_or_null("absent"));
  EXPECT_EQ(root.find_uint("absent").value(), std::nullopt);
  EXPECT_EQ(root.find_bool("b").value(), true);
}

TEST(JsonValue, ErrorsCarryThePathAndTheKind) {
  const JsonDocument document =
      parsed(R"({"points": [{"id": 1}, {"id": "x", "vector": [1, 2, 1e39], "payload": {"a b": [[3, null]]}}], "limit": 0})");
  const JsonValue root = document.root();
  const JsonValue point = *(++root.require("points")->items().begin());
  EXPECT_EQ(error_of(point.require("id")->as_uint()),
            "Format error in JSON body: points[1].id: invalid type: a string, expected an unsigned integer");
  EXPECT_EQ(error_of(point.require("vector")->as_floats()),
            "Format error in JSON body: points[1].vector[2]: number out of range: 1e39");
  EXPECT_EQ(error_of(point.require("missing")), "Format error in JSON body: points[1]: missing field `missing`");
  EXPECT_EQ(error_of(root.require("missing")), "Format error in JSON body: missing field `missing`");
  const JsonValue inner = *point.require("payload")->require("a b")->items().begin();
  EXPECT_EQ((*++inner.items().begin()).path(), "points[1].payload.a b[0][1]");
  const Error range = root.require("limit")->out_of_range("must be 1 or larger").error();
  EXPECT_EQ(range.message, "Validation error in JSON body: [limit: value 0 invalid, must be 1 or larger]");
  EXPECT_EQ(json_error_kind(range), JsonErrorKind::kValidation);
  EXPECT_EQ(json_error_kind(root.expected("x").error()), JsonErrorKind::kFormat);
  EXPECT_EQ(json_error_kind(Error{ErrorCode::kInvalidArgument, "other"}), JsonErrorKind::kNone);
}

TEST(JsonValue, RefusesNumbersThatDoNotFit) {
  const JsonDocument document = parsed(R"([-1, 18446744073709551616, 1.0, 1e400, 9223372036854775808, "1"])");
  std::vector<JsonValue> values;
  for (const JsonValue value : document.root().items()) values.push_back(value);
  EXPECT_FALSE(values[0].as_uint());
  EXPECT_FALSE(values[1].as_uint());
  EXPECT_FALSE(values[2].as_uint());
  EXPECT_FALSE(values[3].as_double());
  EXPECT_FALSE(values[3].as_float());
  EXPECT_FALSE(values[4].as_int());
  EXPECT_FALSE(values[5].as_double());
  EXPECT_TRUE(values[1].is_integer());
  EXPECT_FALSE(values[2].is_integer());
}

TEST(JsonValue, ReadsListsOfNumbers) {
  const JsonDocument document = parsed("[[ 1 ,2.5,\n-3e2 , 0.19],[],[1,null],[1,\"2\"],[[1]],[7]]");
  std::vector<JsonValue> lists;
  for (const JsonValue value : document.root().items()) lists.push_back(value);
  EXPECT_EQ(lists[0].as_floats(), (std::vector<float>{1, 2.5F, -300, 0.19F}));
  EXPECT_EQ(lists[1].as_floats(), std::vector<float>{});
  EXPECT_EQ(error_of(lists[2].as_floats()), "Format error in JSON body: [2][1]: invalid type: null, expected a number");
  EXPECT_EQ(error_of(lists[3].as_floats()), "Format error in JSON body: [3][1]: invalid type: a string, expected a number");
  EXPECT_FALSE(lists[4].as_floats());
  std::vector<float> rows;
  EXPECT_TRUE(lists[0].append_floats(rows) && lists[5].append_floats(rows));
  EXPECT_EQ(rows, (std::vector<float>{1, 2.5F, -300, 0.19F, 7}));
  std::vector<std::string> texts;
  for (const JsonValue number : lists[0].items()) texts.push_back(std::string(number.raw()) + "@" + number.path());
  EXPECT_EQ(texts, (std::vector<std::string>{"1@[0][0]", "2.5@[0][1]", "-3e2@[0][2]", "0.19@[0][3]"}));
}

TEST(JsonValue, KeepsTheTextOfPayloads) {
  const JsonDocument document = parsed(R"({"payload":  {"b": 1.0, "a":18446744073709551616,"e":"\u00e9" , "x": 1e400 }  })");
  EXPECT_EQ(payload_text(*document.root().find("payload")), R"({"b": 1.0, "a":18446744073709551616,"e":"\u00e9" , "x": 1e400 })");
  EXPECT_FALSE(payload_text(*document.root().find("payload")->find("b")));
}

TEST(JsonValue, TakesTheLastOfEqualMembersInAnyEscape) {
  const JsonDocument document = parsed(R"({"a": 1, "\u0061": 2})");
  EXPECT_EQ(document.root().require("a")->as_uint(), 2U);
}

TEST(JsonValue, SurvivesTheMoveOfItsDocument) {
  JsonDocument first = parsed(R"({"a": [1, 2]})");
  const JsonValue value = *first.root().find("a");
  const JsonDocument second = std::move(first);
  EXPECT_EQ(value.as_floats()->size(), 2U);
}

// Both readers must see the same tree in random documents; simdjson's DOM is the reference.
std::string render(JsonValue value) {
  std::string text;
  if (value.is_array()) {
    for (const JsonValue element : value.items()) text += render(element) + ",";
    return "[" + text + "]";
  }
  if (value.is_object()) {
    for (const JsonValue member : value.items()) text += member.key() + ":" + render(member) + ",";
    return "{" + text + "}";
  }
  if (value.is_string()) return "'" + value.as_string().value() + "'";
  if (value.is_number()) return std::to_string(value.as_double().value());
  return std::string(value.raw());
}

std::string render(simdjson::dom::element value) {
  std::string text;
  switch (value.type()) {
    case simdjson::dom::element_type::ARRAY:
      for (const auto element : simdjson::dom::array(value)) text += render(element) + ",";
      return "[" + text + "]";
    case simdjson::dom::element_type::OBJECT:
      for (const auto member : simdjson::dom::object(value)) text += std::string(member.key) + ":" + render(member.value) + ",";
      return "{" + text + "}";
    case simdjson::dom::element_type::STRING: return "'" + std::string(std::string_view(value)) + "'";
    case simdjson::dom::element_type::BOOL: return bool(value) ? "true" : "false";
    case simdjson::dom::element_type::NULL_VALUE: return "null";
    default: return std::to_string(double(value));
  }
}

std::string random_json(std::mt19937_64& random, int depth) {
  const auto space = [&random] { return std::string(random() % 3, " \n\t"[random() % 3]); };
  static constexpr const char* kScalars[] = {
      "1", "-0.5", "2e3", "true", "false", "null", "\"\"", "\"a\\u00e9\\n\"", "\"\xE5\x8C\x97 text of some length\""};
  if (depth == 0 || random() % 4 == 0) return space() + kScalars[random() % std::size(kScalars)] + space();
  const bool object = random() % 2 == 0;
  std::string text = object ? "{" : "[";
  const std::size_t count = random() % 5;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) text += ",";
    if (object) text += space() + "\"k\\\"" + std::to_string(random() % 100) + "\"" + space() + ":";
    text += random_json(random, depth - 1);
  }
  return space() + text + (object ? "}" : "]") + space();
}

TEST(JsonDocument, SeesWhatSimdjsonSees) {
  std::mt19937_64 random(test::random_seed());
  simdjson::dom::parser parser;
  for (int round = 0; round < 20'000; ++round) {
    const std::string text = random_json(random, 5);
    const JsonDocument document = parsed(text);
    ASSERT_EQ(render(document.root()), render(parser.parse(text).value())) << text;
  }
}

}  // namespace
}  // namespace orthant
