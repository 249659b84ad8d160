#include "encoder/tokenizer/utf8.h"

#include <gtest/gtest.h>

namespace orthant {
namespace {

TEST(Utf8, ReplacesEachMaximalInvalidPartOnce) {
  // As Python 3 decodes them with errors="replace"; R stands for U+FFFD.
  const struct {
    std::string_view bytes;
    std::string_view expected;
  } kCases[] = {{"plain", "plain"},
                {"a\xFF", "aR"},
                {"\x80\x80", "RR"},
                {"caf\xC3", "cafR"},
                {"\xC3(", "R("},
                {"\xE2\x82", "R"},
                {"\xE2\x82\xC3\xA9", "R\xC3\xA9"},
                {"\xF0\x9F\x98", "R"},
                {"\xF0\x9F\x98\x80\x80", "\xF0\x9F\x98\x80R"},
                {"\xC0\xAF", "RR"},
                {"\xE0\x80\xAF", "RRR"},
                {"\xED\xA0\x80", "RRR"},
                {"\xF4\x90\x80\x80", "RRRR"},
                {"\xF1\xBF\x41", "RA"}};
  for (const auto& [bytes, expected] : kCases) {
    std::string wanted;
    for (const char c : expected) {
      if (c == 'R') {
        wanted += "\xEF\xBF\xBD";
      } else {
        wanted += c;
      }
    }
    EXPECT_EQ(replace_invalid_utf8(bytes), wanted) << testing::PrintToString(bytes);
    EXPECT_EQ(is_valid_utf8(bytes), wanted == bytes) << testing::PrintToString(bytes);
  }
}

TEST(Utf8, DecodesWhatItEncodes) {
  for (char32_t code_point = 0; code_point < 0x110000; code_point += code_point < 0x900 ? 1 : 251) {
    if (code_point >= 0xD800 && code_point < 0xE000) continue;
    std::string text = "x";
    append_code_point(text, code_point);
    EXPECT_TRUE(is_valid_utf8(text));
    EXPECT_EQ(count_code_points(text), 2u);
    EXPECT_EQ(code_point_begin_before(text, text.size()), 1u);
    std::size_t position = 1;
    EXPECT_EQ(decode_code_point(text, position), code_point);
    EXPECT_EQ(position, text.size());
  }
}

}  // namespace
}  // namespace orthant
