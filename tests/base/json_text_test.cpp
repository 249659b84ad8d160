#include "base/json_text.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace orthant {
namespace {

float read_float(const std::string& text) {
  float value = -1;
  const char* end = text.data() + text.size();
  EXPECT_EQ(read_json_float(text.data(), end, value), end) << text;
  return value;
}

// The reference: the nearest double by the standard library, then the nearest float.
float reference_float(const std::string& text) {
  return static_cast<float>(std::strtod(text.c_str(), nullptr));
}

void expect_same_bits(const std::string& text) {
  EXPECT_EQ(std::bit_cast<std::uint32_t>(read_float(text)), std::bit_cast<std::uint32_t>(reference_float(text))) << text;
}

TEST(ReadJsonFloat, GivesTheReferencesFloatForNumbersOfAllForms) {
  for (const char* text : {"0",
                           "-0",
                           "0.0",
                           "-0.0e5",
                           "1",
                           "-1.5",
                           "0.19",
                           "3.4028234663852886e38",
                           "1e-45",
                           "1e-400",
                           "0.000000000000000000000000001",
                           "16777217",
                           "16777217.0",
                           "9007199791611905",
                           "9007199254740993",
                           "12345678901234567890123",
                           "1E5",
                           "1e+5",
                           "1e-5",
                           "0.1000000014901161193847656250000001",
                           "18446744073709551616",
                           "1.00000005960464477539062500000",
                           "1e22",
                           "1e23"}) {
    expect_same_bits(text);
  }
}

TEST(ReadJsonFloat, GivesTheReferencesFloatForRandomNumbers) {
  std::mt19937_64 random(test::random_seed());
  for (int i = 0; i < 300'000; ++i) {
    char text[64];
    // Floats as clients print them: shortest as float, shortest as double, with 17 digits; and halfway between two floats.
    const float value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!std::isfinite(value)) continue;
    const float next = std::nextafter(value, INFINITY);
    const double wide = std::isfinite(next) && i % 4 == 3 ? (static_cast<double>(value) + next) / 2 : static_cast<double>(value);
    const char* end =
        i % 4 == 0 ? std::to_chars(text, text + sizeof text, value).ptr
        : i % 4 == 1
            ? std::to_chars(text, text + sizeof text, wide).ptr
            : std::to_chars(text, text + sizeof text, wide, std::chars_format::scientific, 16 + static_cast<int>(random() % 3)).ptr;
    expect_same_bits(std::string(static_cast<const char*>(text), end));
  }
}

TEST(ReadJsonFloat, GivesTheReferencesFloatForRandomEmbeddings) {
  std::mt19937_64 random(test::random_seed());
  std::normal_distribution<double> normal(0, 0.05);
  for (int i = 0; i < 300'000; ++i) {
    char text[64];
    const char* end = std::to_chars(text, text + sizeof text, normal(random)).ptr;
    expect_same_bits(std::string(static_cast<const char*>(text), end));
  }
}

TEST(ReadJsonFloat, RefusesWhatIsNoNumberOrBeyondFloat) {
  for (const std::string text :
       {"", "-", "+1", ".5", "1.", "1.e5", "1e", "1e+", "NaN", "inf", "null", "\"1\"", "3.5e38", "-1e39", "1e400", "--1"}) {
    float value = 0;
    const char* end = text.data() + text.size();
    EXPECT_EQ(read_json_float(text.data(), end, value), nullptr) << text;
  }
  // A leading zero ends the number: what follows is the caller's to refuse.
  float value = 0;
  const std::string text = "012";
  EXPECT_EQ(read_json_float(text.data(), text.data() + text.size(), value), text.data() + 1);
}

TEST(ReadJsonFloat, NeverReadsBeyondTheEnd) {
  const std::string text = "-12345678.12345678901e-12";
  for (std::size_t length = 0; length <= text.size(); ++length) {
    const std::vector<char> exact(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(length));
    float value = 0;
    const char* end = read_json_float(exact.data(), exact.data() + exact.size(), value);
    EXPECT_EQ(end, skip_json_number(exact.data(), exact.data() + exact.size())) << length;
  }
}

TEST(UnescapeJson, TurnsEscapesIntoUtf8) {
  std::string out;
  unescape_json(R"(a\"\\\/\b\f\n\r\t\u0041\u00e9\u5317\ud83d\ude00\u0000z)", out);
  EXPECT_EQ(out, std::string("a\"\\/\b\f\n\r\tA\xC3\xA9\xE5\x8C\x97\xF0\x9F\x98\x80\0z", 21));
}

TEST(JsonTextEquals, ComparesWhatTextsStandFor) {
  EXPECT_TRUE(json_text_equals("abc", "abc"));
  EXPECT_TRUE(json_text_equals(R"(\u0061bc)", "abc"));
  EXPECT_FALSE(json_text_equals(R"(a\nb)", R"(a\nb)"));
  EXPECT_TRUE(json_text_equals(R"(a\nb)", "a\nb"));
  EXPECT_FALSE(json_text_equals("ab", "abc"));
}

TEST(SkipCheckedString, FindsTheEndBehindEscapesAtAnyDistance) {
  for (std::size_t length = 0; length < 60; ++length) {
    for (const std::string middle : {"", "\\\"", "\\\\", "\\\\\\\"", "\\\"\\\"\\\"\\\"\\\"\\\""}) {
      const std::string text = "\"" + std::string(length, 'x') + middle + "\",\"next\"";
      const char* end = text.data() + text.size();
      EXPECT_EQ(skip_checked_string(text.data(), end) - text.data(), static_cast<std::ptrdiff_t>(length + middle.size() + 2))
          << text;
    }
  }
}

TEST(ForEachMember, GivesKeysAndValuesAsTheyStand) {
  std::vector<std::string> seen;
  EXPECT_TRUE(
      for_each_member(R"({"a" : 1 , "b\"":[1, {"c":"]}"}],"d":"x" } )", [&seen](std::string_view key, std::string_view value) {
        seen.push_back(std::string(key) + "=" + std::string(value));
        return true;
      }));
  EXPECT_EQ(seen, (std::vector<std::string>{"a=1", R"(b\"=[1, {"c":"]}"}])", R"(d="x")"}));
}

TEST(ForEachElement, StopsWhenTold) {
  int seen = 0;
  EXPECT_TRUE(for_each_element("[1,2,3]", [&seen](std::string_view) { return ++seen < 2; }));
  EXPECT_EQ(seen, 2);
  EXPECT_TRUE(for_each_element("[ ]", [](std::string_view) { return true; }));
  EXPECT_FALSE(for_each_element("[1,", [](std::string_view) { return true; }));
  EXPECT_FALSE(for_each_element("{}", [](std::string_view) { return true; }));
}

}  // namespace
}  // namespace orthant
