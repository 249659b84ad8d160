#include "engine/payload/payload_text.h"

#include <gtest/gtest.h>

namespace orthant {
namespace {

std::optional<std::string> text_at(std::string_view payload, std::string_view path) {
  return text_in_payload(payload, JsonPath::parse(path).value());
}

TEST(PayloadText, IsTheStringAtAPath) {
  const std::string_view payload =
      R"({"a": "one", "b": {"c": "t\u00fc\n\"wo\""}, "d": ["x", 3, "y", {"e": "z"}], "f": 5, "g": ""})";
  EXPECT_EQ(text_at(payload, "a"), "one");
  EXPECT_EQ(text_at(payload, "b.c"), "t\u00fc\n\"wo\"");
  EXPECT_EQ(text_at(payload, "d[0]"), "x");
  EXPECT_EQ(text_at(payload, "d[]"), "x\ny");
  EXPECT_EQ(text_at(payload, "d[].e"), "z");
  EXPECT_EQ(text_at(payload, "g"), "");
  for (const char* path : {"f", "b", "d", "d[1]", "d[9]", "missing", "a.b", "b.c.d"}) {
    EXPECT_EQ(text_at(payload, path), std::nullopt) << path;
  }
}

}  // namespace
}  // namespace orthant
