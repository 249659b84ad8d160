#include "encoder/tokenizer/character_tables.h"

#include <gtest/gtest.h>

#include "base/digest.h"
#include "encoder/tokenizer/bert_normalizer.h"
#include "encoder/tokenizer/bert_pre_tokenizer.h"
#include "encoder/tokenizer/utf8.h"
#include "tests/encoder/tokenizer/golden_tokens.h"

namespace orthant {
namespace {

constexpr char32_t kDigestBlock = 4096;

BertNormalizer normalizer(bool clean, bool chinese, bool strip, bool lower) {
  return BertNormalizer({.clean_text = clean, .handle_chinese_chars = chinese, .strip_accents = strip, .lowercase = lower});
}

std::size_t count_words(std::string_view text) {
  std::size_t position = 0;
  std::size_t count = 0;
  while (!BertPreTokenizer::next_word(text, position).empty()) ++count;
  return count;
}

// The counterpart of digest_line() in scripts/make_character_tables.py.
std::string digest_of_block(char32_t first) {
  static const BertNormalizer kForms[] = {normalizer(true, true, true, true), normalizer(true, true, false, false),
                                          normalizer(false, false, true, false), normalizer(false, false, false, true)};
  std::string hashed;
  for (char32_t code_point = first; code_point < first + kDigestBlock; ++code_point) {
    if (code_point >= 0xD800 && code_point < 0xE000) continue;
    std::string text;
    append_code_point(text, code_point);
    for (const BertNormalizer& form : kForms) {
      form.append_normalized(text, hashed);
      hashed += '\n';
    }
    hashed += std::to_string(count_words("a" + text + "a"));
    hashed += (character_record(code_point).flags & kWord) != 0 ? "1\n" : "0\n";
  }
  return sha256_hex(hashed).substr(0, 16);
}

TEST(CharacterTables, TreatEveryCodePointAsHuggingFaceDoes) {
  const auto lines = test::golden_lines(test::golden_dir() / "character_digests.txt");
  ASSERT_EQ(lines.size(), 0x110000 / kDigestBlock);
  for (const std::string& line : lines) {
    const auto first = static_cast<char32_t>(std::stoul(line.substr(0, 6), nullptr, 16));
    EXPECT_EQ(digest_of_block(first), line.substr(7)) << "code points from " << line.substr(0, 6);
  }
}

TEST(CharacterTables, RankCombiningClassesByTheirOrder) {
  const auto rank = [](char32_t c) { return character_record(c).combining_rank; };
  EXPECT_EQ(rank('a'), 0);
  EXPECT_EQ(rank(0x0338), 1);             // class 1, overlays
  EXPECT_LT(rank(0x0327), rank(0x0301));  // cedilla, class 202, before acute, class 230
  EXPECT_EQ(rank(0x0300), rank(0x0301));
  EXPECT_GT(rank(0x0345), rank(0x0301));  // iota below, class 240, last of all
  EXPECT_EQ(rank(0x034F), 0);             // grapheme joiner: a mark that is a starter
}

}  // namespace
}  // namespace orthant
