#include "encoder/tokenizer/unicode_tables.h"

#include <gtest/gtest.h>

#include "base/digest.h"
#include "encoder/tokenizer/normalizer.h"
#include "encoder/tokenizer/pre_tokenizer.h"
#include "encoder/tokenizer/utf8.h"
#include "tests/encoder/tokenizer/golden_tokens.h"

namespace orthant {
namespace {

constexpr char32_t kDigestBlock = 4096;

class WordCount final : public WordSink {
 public:
  bool take(std::string_view) override {
    ++count;
    return true;
  }
  int count = 0;
};

PreTokenizer one_step(std::unique_ptr<SplitStep> step) {
  std::vector<std::unique_ptr<SplitStep>> steps;
  steps.push_back(std::move(step));
  return PreTokenizer(std::move(steps));
}

int count_words(const PreTokenizer& pre_tokenizer, const std::string& text) {
  WordCount words;
  PreTokenizer::Scratch scratch;
  pre_tokenizer.split({text, true}, scratch, words);
  return words.count;
}

// The counterpart of digest_line() in scripts/make_unicode_tables.py.
class Digester {
 public:
  Digester() {
    using enum NormalizationForm;
    for (const NormalizationForm form : {kNfc, kNfd, kNfkc, kNfkd}) forms_.push_back(make_unicode_normalizer(form));
    forms_.push_back(make_nmt());
    forms_.push_back(make_strip_accents());
    steps_.push_back(one_step(make_byte_level_step(false, true)));
    steps_.push_back(one_step(make_digits_step(false)));
    steps_.push_back(one_step(make_whitespace_step()));
  }

  std::string digest_of_block(char32_t first) const {
    std::string hashed;
    for (char32_t code_point = first; code_point < first + kDigestBlock; ++code_point) {
      if (code_point >= 0xD800 && code_point < 0xE000) continue;
      std::string text;
      append_code_point(text, code_point);
      for (const auto& form : forms_) {
        form->append_normalized(text, hashed);
        hashed += '\n';
      }
      append_counts(text, hashed);
    }
    return sha256_hex(hashed).substr(0, 16);
  }

 private:
  void append_counts(const std::string& text, std::string& hashed) const {
    std::string counts;
    for (const PreTokenizer& step : steps_) {
      for (const char around : {'a', '1', '.'}) {
        counts += (counts.empty() ? "" : " ") + std::to_string(count_words(step, around + text + around));
      }
    }
    hashed += counts + '\n';
  }

  std::vector<std::unique_ptr<Normalizer>> forms_;
  std::vector<PreTokenizer> steps_;
};

TEST(UnicodeTables, TreatEveryCodePointAsHuggingFaceDoes) {
  const auto lines = test::golden_lines(test::golden_dir() / "unicode_digests.txt");
  ASSERT_EQ(lines.size(), 0x110000 / kDigestBlock);
  const Digester digester;
  for (const std::string& line : lines) {
    const auto first = static_cast<char32_t>(std::stoul(line.substr(0, 6), nullptr, 16));
    EXPECT_EQ(digester.digest_of_block(first), line.substr(7)) << "code points from " << line.substr(0, 6);
  }
}

}  // namespace
}  // namespace orthant
