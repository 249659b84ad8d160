#include "encoder/tokenizer/bert_normalizer.h"

#include <map>
#include <sstream>

#include <gtest/gtest.h>

#include "encoder/tokenizer/utf8.h"
#include "tests/encoder/tokenizer/golden_tokens.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

std::string normalized(const BertNormalizer& normalizer, std::string_view text) {
  std::string out;
  normalizer.append_normalized(text, out);
  return out;
}

TEST(BertNormalizer, NormalizesAsHuggingFaceDoes) {
  std::map<std::string, BertNormalizer> forms;
  forms.emplace("uncased", BertNormalizerOptions{});
  forms.emplace("cased", BertNormalizerOptions{.strip_accents = {}, .lowercase = false});
  forms.emplace("strip_only", BertNormalizerOptions{
                                  .clean_text = false, .handle_chinese_chars = false, .strip_accents = true, .lowercase = false});
  const auto lines = test::golden_lines(test::golden_dir() / "normalized_texts.tsv");
  ASSERT_GT(lines.size(), 600u);
  for (const std::string& line : lines) {
    std::istringstream in(line);
    std::string form, text, expected;
    std::getline(in, form, '\t');
    std::getline(in, text, '\t');
    std::getline(in, expected, '\t');
    const std::string made = normalized(forms.at(form), test::bytes_of_hex(text));
    EXPECT_EQ(testing::PrintToString(made), testing::PrintToString(test::bytes_of_hex(expected))) << form << " of " << text;
  }
}

// The ASCII path takes eight bytes at a time; where words of eight begin and end must not show.
TEST(BertNormalizer, NormalizesEachCharacterAloneAsAmongOthers) {
  std::mt19937_64 random(test::random_seed());
  const BertNormalizer normalizer({});
  const char32_t characters[] = {'a', 'Z', '0', ' ', '\t', '\x01', '\x7F', 0xC9, 0x416, 0x4E2D, 0xFFFD, 0x1F600};
  for (int round = 0; round < 2000; ++round) {
    std::string text, expected;
    for (std::uint64_t i = random() % 40; i > 0; --i) {
      std::string character;
      append_code_point(character, characters[random() % 3 == 0 ? random() % 12 : random() % 4]);
      text += character;
      expected += normalized(normalizer, character);
    }
    EXPECT_EQ(normalized(normalizer, text), expected);
  }
}

TEST(BertNormalizer, AppendsToWhatIsThere) {
  std::string out = "Kept";
  BertNormalizer({}).append_normalized("\xC3\x89tude", out);
  EXPECT_EQ(out, "Keptetude");
}

}  // namespace
}  // namespace orthant
