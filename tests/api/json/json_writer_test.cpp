#include "api/json/json_writer.h"

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "base/json_text.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

template <typename Float>
std::string printed(Float value) {
  std::string out;
  append_json_number(out, value);
  return out;
}

TEST(JsonWriter, PrintsFloatsShortest) {
  EXPECT_EQ(printed(0.19F), "0.19");
  EXPECT_EQ(printed(1.0F), "1.0");
  EXPECT_EQ(printed(-2.5F), "-2.5");
  EXPECT_EQ(printed(0.0F), "0.0");
  EXPECT_EQ(printed(-0.0F), "-0.0");
  EXPECT_EQ(printed(100.0F), "100.0");
  EXPECT_EQ(printed(123456.78F), "123456.78");
  EXPECT_EQ(printed(0.000012F), "0.000012");
  EXPECT_EQ(printed(0.00000012F), "1.2e-7");
  EXPECT_EQ(printed(1e30F), "1e30");
  EXPECT_EQ(printed(std::numeric_limits<float>::max()), "3.4028235e38");
  EXPECT_EQ(printed(std::numeric_limits<float>::denorm_min()), "1e-45");
  EXPECT_EQ(printed(0.1), "0.1");
  EXPECT_EQ(printed(static_cast<double>(0.1F)), "0.10000000149011612");
  EXPECT_EQ(printed(1e15), "1000000000000000.0");
  EXPECT_EQ(printed(1e16), "1e16");
}

TEST(JsonWriter, NeverPrintsNanOrInfinity) {
  EXPECT_EQ(printed(std::nanf("")), "null");
  EXPECT_EQ(printed(INFINITY), "null");
  EXPECT_EQ(printed(-std::numeric_limits<double>::infinity()), "null");
}

TEST(JsonWriter, PrintsFloatsThatComeBackAsTheyWere) {
  std::mt19937_64 random(test::random_seed());
  for (int i = 0; i < 200'000; ++i) {
    const float value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!std::isfinite(value)) continue;
    const std::string text = printed(value);
    EXPECT_EQ(skip_json_number(text.data(), text.data() + text.size()), text.data() + text.size()) << text;
    EXPECT_NE(text.find_first_of(".e"), std::string::npos) << text;
    EXPECT_EQ(std::bit_cast<std::uint32_t>(std::strtof(text.c_str(), nullptr)), std::bit_cast<std::uint32_t>(value)) << text;
    const double wide = std::bit_cast<double>(random());
    if (!std::isfinite(wide)) continue;
    EXPECT_EQ(std::strtod(printed(wide).c_str(), nullptr), wide);
  }
}

TEST(JsonWriter, EscapesStrings) {
  std::string out;
  append_json_string(out, std::string_view("a\"b\\c\n\r\t\b\f\x01\x1f/\xC3\xA9\0long enough for the wide path \"", 47));
  EXPECT_EQ(out, "\"a\\\"b\\\\c\\n\\r\\t\\b\\f\\u0001\\u001f/\xC3\xA9\\u0000long enough for the wide path \\\"\"");
}

TEST(JsonWriter, SetsCommas) {
  std::string out;
  JsonWriter writer(out);
  const float values[] = {1, 0.5F};
  writer.begin_object().key("a").begin_array().end_array().key("b").begin_array().number(std::uint64_t{18446744073709551615U});
  writer.number(-1).null().boolean(true).string("x").begin_object().end_object().raw("{\"r\":1e400}").end_array();
  writer.key("c").numbers(values).key("d").begin_object().key("e").number(1.0).end_object().end_object();
  EXPECT_EQ(out, R"({"a":[],"b":[18446744073709551615,-1,null,true,"x",{},{"r":1e400}],"c":[1.0,0.5],"d":{"e":1.0}})");
}

}  // namespace
}  // namespace orthant
