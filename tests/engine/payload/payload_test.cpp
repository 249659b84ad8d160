#include "engine/payload/payload.h"

#include <fstream>
#include <random>
#include <sstream>

#include <gtest/gtest.h>

#include <simdjson.h>

#include "api/json/json_reader.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

std::string merged(std::string_view payload, std::string_view changes) {
  return merge_payload(payload, changes).value();
}
std::string merged_at(std::string_view payload, std::string_view key, std::string_view changes) {
  return merge_payload_at(payload, JsonPath::parse(key).value(), changes).value();
}
std::string without(std::string_view payload, std::string_view key) {
  const JsonPath path = JsonPath::parse(key).value();
  return delete_payload_keys(payload, {&path, 1}).value();
}
std::string projected(std::string_view payload, const std::vector<std::string>& include, const std::vector<std::string>& exclude) {
  return PayloadProjection::make(include, exclude).value().apply(payload).value();
}

TEST(ValidatePayload, AcceptsObjectsWithNumbersOfAnySize) {
  for (const char* text :
       {"{}", "{ } ", R"({"a":18446744073709551616,"b":1e400,"c":-0.0,"d":1.0E+5})", R"({"a":"\u00e9\ud83d\ude00\n"})",
        R"({"a":[[],{},[1,"x",null,true,false]]})", "{\"\xC3\xA9\":\"\xF0\x9F\x98\x80\"}"}) {
    EXPECT_TRUE(validate_payload(text)) << text;
  }
}

TEST(ValidatePayload, RefusesEverythingElse) {
  const std::string_view nul("{\"a\":\"\0\"}", 9);
  for (const std::string_view text : {std::string_view(""),
                                      std::string_view(" {}"),
                                      std::string_view("[]"),
                                      std::string_view("1"),
                                      std::string_view("{"),
                                      std::string_view("{}}"),
                                      std::string_view("{} {}"),
                                      std::string_view("{}x"),
                                      std::string_view("{\"a\"}"),
                                      std::string_view("{\"a\":}"),
                                      std::string_view("{\"a\":1,}"),
                                      std::string_view("{,}"),
                                      std::string_view("{a:1}"),
                                      std::string_view("{'a':1}"),
                                      std::string_view("{\"a\":01}"),
                                      std::string_view("{\"a\":+1}"),
                                      std::string_view("{\"a\":1.}"),
                                      std::string_view("{\"a\":.5}"),
                                      std::string_view("{\"a\":1e}"),
                                      std::string_view("{\"a\":-}"),
                                      std::string_view("{\"a\":NaN}"),
                                      std::string_view("{\"a\":Infinity}"),
                                      std::string_view("{\"a\":tru}"),
                                      std::string_view("{\"a\":\"}"),
                                      std::string_view("{\"a\":\"\\x\"}"),
                                      std::string_view("{\"a\":\"\\u12\"}"),
                                      std::string_view("{\"a\":\"\\ud800\"}"),
                                      std::string_view("{\"a\":\"\\udc00\"}"),
                                      std::string_view("{\"a\":\"\\ud800\\u0041\"}"),
                                      std::string_view("{\"a\":\"\n\"}"),
                                      nul,
                                      std::string_view("{\"a\":\"\xFF\"}"),
                                      std::string_view("{\"a\":\"\xC3\"}"),
                                      std::string_view("{\"a\":\"\xED\xA0\x80\"}"),
                                      std::string_view("{\"a\":\"\xC0\x80\"}"),
                                      std::string_view("\xEF\xBB\xBF{}"),
                                      std::string_view("{\"a\":[1,2}"),
                                      std::string_view("{\"a\":[1 2]}"),
                                      std::string_view("{\"a\" 1}"),
                                      std::string_view("{\"a\":1 \"b\":2}"),
                                      std::string_view("{\"a\":[1,]}"),
                                      std::string_view("{\"a\":[,1]}")}) {
    EXPECT_FALSE(validate_payload(text)) << text;
  }
}

TEST(ValidatePayload, LimitsDepth) {
  const auto nested = [](std::size_t arrays) { return "{\"a\":" + std::string(arrays, '[') + std::string(arrays, ']') + "}"; };
  EXPECT_TRUE(validate_payload(nested(kMaxPayloadDepth - 1)));
  EXPECT_FALSE(validate_payload(nested(kMaxPayloadDepth)));
  EXPECT_FALSE(validate_payload("{\"a\":" + std::string(1'000'000, '[')));
  EXPECT_FALSE(validate_payload(std::string(1'000'000, '{')));
}

// simdjson's DOM parser is the independent judge on mutated texts. It refuses numbers beyond its types, which payloads may hold:
// the digits here are such that mutations make none.
TEST(ValidatePayload, AgreesWithSimdjsonOnMutatedTexts) {
  std::mt19937_64 random(test::random_seed());
  const std::string seed_text =
      "{\"a\": [1, -2.0e-1, \"x\\n\\u00e9\\ud83d\\ude00\", null, true, false, {}], \"b\": {\"c\\\"\": [[], [0]]}, \"\xC3\xA9\": "
      "\"\xE5\x8C\x97\"}";
  constexpr std::string_view kBytes = "{}[]\",:\\ \ntfn0-1.eu\xC3\xA9\x01";
  simdjson::dom::parser parser;
  std::size_t valid = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string text = seed_text;
    const int mutations = static_cast<int>(random() % 3);
    for (int i = 0; i <= mutations; ++i) {
      const std::size_t at = random() % text.size();
      switch (random() % 3) {
        case 0: text[at] = kBytes[random() % kBytes.size()]; break;
        case 1: text.erase(at, 1); break;
        default: text.insert(at, 1, kBytes[random() % kBytes.size()]);
      }
    }
    simdjson::dom::element parsed;
    const bool expected = parser.parse(text).get(parsed) == simdjson::SUCCESS && parsed.is_object() && text.front() == '{';
    const bool got = validate_payload(text).has_value();
    ASSERT_EQ(got, expected) << text;
    valid += got ? 1 : 0;
  }
  EXPECT_GT(valid, 10'000U);
}

TEST(MergePayload, KeepsWhatItDoesNotTouchAsItWas) {
  EXPECT_EQ(
      merged(R"({"big":18446744073709551616, "one":1.0, "huge":1e400, "esc":"\u00e9", "z":1})", R"({"z": [ 2 ], "new":1.50})"),
      R"({"big":18446744073709551616,"one":1.0,"huge":1e400,"esc":"\u00e9","z":[ 2 ],"new":1.50})");
}

TEST(MergePayload, NullRemovesAndEqualKeysMeetInAnyEscape) {
  EXPECT_EQ(merged(R"({"a":1,"b":2})", R"({"a":null,"c":null})"), R"({"b":2})");
  EXPECT_EQ(merged(R"({"\u0061":1})", R"({"a":2})"), R"({"\u0061":2})");
  EXPECT_EQ(merged("{}", "{}"), "{}");
}

TEST(MergePayloadAt, MakesWhatIsMissingOnTheWay) {
  EXPECT_EQ(merged_at("{}", "a.b", R"({"c":1})"), R"({"a":{"b":{"c":1}}})");
  EXPECT_EQ(merged_at(R"({"a":{"x":1e400,"b":{"d":1.0}}})", "a.b", R"({"c":1})"), R"({"a":{"x":1e400,"b":{"d":1.0,"c":1}}})");
  EXPECT_EQ(merged_at(R"({"a":[{"b":1},{"b":2}]})", "a[].c", R"({"d":1})"), R"({"a":[{"b":1,"c":{"d":1}},{"b":2,"c":{"d":1}}]})");
  EXPECT_EQ(merged_at("{}", "\"x\\y\"", "{}"), R"({"x\\y":{}})");
}

TEST(DeletePayloadKeys, KeepsWhatItDoesNotTouchAsItWas) {
  EXPECT_EQ(without(R"({"a":{"b":1,"c": 1e400},"d":1.0})", "a.b"), R"({"a":{"c":1e400},"d":1.0})");
  EXPECT_EQ(without(R"({"a": 1})", "missing"), R"({"a": 1})");
  EXPECT_EQ(without(R"({"a":[1,2]})", "a[0]"), R"({"a":[1,2]})");
  EXPECT_EQ(without(R"({"a":[1,2]})", "a[]"), R"({"a":[]})");
}

TEST(PayloadProjection, KeepsTheFormOfValues) {
  const std::string payload = R"({"a":{"b":1e400,"c":2},"l":[{"x": 1.0,"y":2},{"x":3}],"s":"\u00e9"})";
  EXPECT_EQ(projected(payload, {}, {}), payload);
  EXPECT_EQ(projected(payload, {"a.b", "s"}, {}), R"({"a":{"b":1e400},"s":"\u00e9"})");
  EXPECT_EQ(projected(payload, {"l[].x"}, {}), R"({"l":[{"x":1.0},{"x":3}]})");
  EXPECT_EQ(projected(payload, {}, {"a", "l[].x"}), R"({"l":[{"y":2},{}],"s":"\u00e9"})");
  EXPECT_EQ(projected(payload, {"a"}, {"a.b"}), R"({"a":{"c":2}})");
  EXPECT_FALSE(PayloadProjection::make(std::vector<std::string>{"a["}, {}));
}

TEST(PayloadOperations, ReportBrokenTextsInsteadOfReadingBeyondThem) {
  const std::string whole = R"({"a":{"b":[1,"x\"y",{"c":null}]},"d":[{"e":1}]})";
  const JsonPath paths[] = {JsonPath::parse("a.b[].c").value(), JsonPath::parse("d[].e").value()};
  const auto projection = PayloadProjection::make(std::vector<std::string>{"a.b[].c", "d"}, {}).value();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    // A heap copy without slack, so that the address sanitizer sees a step too far.
    const std::vector<char> exact(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    const std::string_view cut(exact.data(), exact.size());
    EXPECT_FALSE(merge_payload(cut, "{}")) << cut;
    EXPECT_FALSE(merge_payload_at(cut, paths[0], "{\"z\":1}")) << cut;
    EXPECT_FALSE(delete_payload_keys(cut, paths)) << cut;
    EXPECT_FALSE(projection.apply(cut)) << cut;
  }
}

TEST(PayloadOperations, DoWhatTheClientsLocalModeDoes) {
  std::ifstream file(std::string(ORTHANT_SOURCE_DIR) + "/tests/engine/golden/payload_operations.json");
  std::stringstream text;
  text << file.rdbuf();
  const JsonDocument golden = std::move(JsonDocument::parse(text.str()).value());
  ASSERT_GT(golden.root().size(), 1000U);
  for (const JsonValue test : golden.root().items()) {
    const std::string operation = test.find("operation")->as_string().value();
    const std::string_view payload = test.find("payload")->raw();
    const std::string_view argument = test.find("argument")->raw();
    const std::vector<std::string> keys = test.find("keys")->as_strings().value();
    std::string result;
    if (operation == "bad") {
      EXPECT_FALSE(JsonPath::parse(keys[0])) << keys[0];
      continue;
    }
    if (operation == "set") result = merged_at(payload, keys[0], argument);
    if (operation == "delete") result = without(payload, keys[0]);
    if (operation == "include") result = projected(payload, keys, {});
    if (operation == "exclude") result = projected(payload, {}, keys);
    if (operation == "merge") result = merged(payload, argument);
    EXPECT_EQ(result, test.find("result")->raw()) << test.raw();
  }
}

}  // namespace
}  // namespace orthant
