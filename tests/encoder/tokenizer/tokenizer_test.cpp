#include "encoder/tokenizer/tokenizer.h"

#include <map>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/encoder/tokenizer/golden_tokens.h"
#include "tests/support/paths.h"

namespace orthant {
namespace {

using test::Ids;

std::unique_ptr<Tokenizer> load(const std::filesystem::path& folder) {
  auto tokenizer = Tokenizer::load(folder);
  EXPECT_TRUE(tokenizer) << tokenizer.error().message;
  return std::move(*tokenizer);
}

std::unique_ptr<Tokenizer> small_tokenizer(std::string_view name = "cased") {
  return load(test::golden_dir() / "tokenizers" / name);
}

void expect_golden_ids(const Tokenizer& tokenizer, const std::filesystem::path& file) {
  const auto texts = test::read_golden_texts(file);
  ASSERT_GT(texts.size(), 20u);
  for (const auto& [text, shown] : texts) {
    EXPECT_EQ(test::shown_ids(tokenizer.tokenize(text, 0).ids), shown) << testing::PrintToString(text.substr(0, 200));
  }
}

TEST(Tokenizer, GivesTheIdsOfHuggingFaceOnHardTexts) {
  ORTHANT_REQUIRE_DEFAULT_MODEL();
  expect_golden_ids(*load(test::default_model_dir()), test::golden_dir() / "token_ids.tsv");
}

// Lines of fuzz digests: first text, texts, tokens, digest.
void expect_golden_fuzz(const Tokenizer& tokenizer, const std::filesystem::path& file) {
  static const std::vector<std::string> texts = test::fuzz_texts(2000);
  std::size_t checked = 0;
  for (const std::string& line : test::golden_lines(file)) {
    std::istringstream in(line);
    std::size_t first = 0, count = 0, tokens = 0;
    std::string digest;
    in >> first >> count >> tokens >> digest;
    std::vector<Ids> lists;
    std::size_t found_tokens = 0;
    for (std::size_t i = first; i < first + count; ++i) {
      lists.push_back(tokenizer.tokenize(texts.at(i), 0).ids);
      found_tokens += lists.back().size();
    }
    EXPECT_EQ(found_tokens, tokens) << "texts from " << first;
    EXPECT_EQ(test::digest_of(lists), digest) << "texts from " << first;
    checked += count;
  }
  EXPECT_EQ(checked, texts.size());
}

TEST(Tokenizer, GivesTheIdsOfHuggingFaceOnRandomTexts) {
  ORTHANT_REQUIRE_DEFAULT_MODEL();
  expect_golden_fuzz(*load(test::default_model_dir()), test::golden_dir() / "token_fuzz_digests.txt");
}

// Of every kind: models, normalizers, pre-tokenizers, post-processors and added tokens with their options.
TEST(Tokenizer, GivesTheIdsOfHuggingFaceForEveryKindOfTokenizer) {
  std::size_t folders = 0;
  for (const auto& folder : std::filesystem::directory_iterator(test::golden_dir() / "tokenizers")) {
    SCOPED_TRACE(folder.path().filename().string());
    const auto tokenizer = load(folder);
    expect_golden_ids(*tokenizer, folder.path() / "token_ids.tsv");
    const auto fuzz = folder.path() / "fuzz_digests.txt";
    if (std::filesystem::exists(fuzz)) expect_golden_fuzz(*tokenizer, fuzz);
    ++folders;
  }
  EXPECT_EQ(folders, 45u);
}

TEST(Tokenizer, IgnoresTheTruncationAndPaddingOfItsFile) {
  const auto tokenizer = small_tokenizer();  // its file truncates to 5 and pads to 9
  EXPECT_EQ(tokenizer->tokenize("a b c d e f", 0).ids.size(), 8u);
  EXPECT_EQ(tokenizer->tokenize("", 0).ids, (Ids{2, 3}));
}

TEST(Tokenizer, KeepsTheSpecialTokensWhenItTruncates) {
  const auto tokenizer = small_tokenizer();
  const Ids all = tokenizer->tokenize("foo bar the foo bar", 0).ids;
  ASSERT_EQ(all.size(), 7u);
  for (std::size_t limit = 2; limit <= 8; ++limit) {
    const TokenizedText text = tokenizer->tokenize("foo bar the foo bar", limit);
    Ids expected = all;
    if (limit < all.size()) expected.erase(expected.begin() + static_cast<long>(limit) - 1, expected.end() - 1);
    EXPECT_EQ(text.ids, expected);
    EXPECT_EQ(text.truncated, limit < all.size());
  }
}

TEST(Tokenizer, NeverGivesMoreThanTheLimit) {
  const auto tokenizer = small_tokenizer();
  EXPECT_EQ(tokenizer->tokenize("foo", 1).ids, (Ids{2}));
  EXPECT_TRUE(tokenizer->tokenize("foo", 1).truncated);
  EXPECT_EQ(tokenizer->tokenize("foo", 2).ids, (Ids{2, 3}));
}

// Long texts are normalized slice by slice; where the cuts fall must not show.
TEST(Tokenizer, GivesTheBeginningOfAllIdsAtEveryLimit) {
  const auto tokenizer = small_tokenizer("strip_only");
  std::string text;
  for (int i = 0; i < 900; ++i) text += i % 7 == 0 ? "\xE3\x80\xAE\xE3\x80\xAF " : i % 3 == 0 ? "caf\xC3\xA9\n" : "unaffable ";
  const Ids all = tokenizer->tokenize(text, 0).ids;
  ASSERT_GT(text.size(), 6000u);
  ASSERT_GT(all.size(), 1500u);
  for (std::size_t limit = 3; limit < all.size(); limit += 97) {
    const TokenizedText cut = tokenizer->tokenize(text, limit);
    EXPECT_TRUE(cut.truncated);
    ASSERT_EQ(cut.ids.size(), limit);
    EXPECT_TRUE(std::equal(cut.ids.begin(), cut.ids.end() - 1, all.begin()));
  }
  EXPECT_FALSE(tokenizer->tokenize(text, all.size()).truncated);
}

std::string joined(std::string_view word, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += (i == 0 ? "" : " ") + std::string(word);
  return text;
}

// Each kind of template at many lengths.
TEST(Tokenizer, PutsPairsTogetherAsHuggingFaceDoes) {
  std::map<std::string, std::unique_ptr<Tokenizer>> tokenizers;
  const auto lines = test::golden_lines(test::golden_dir() / "token_pairs.tsv");
  ASSERT_EQ(lines.size(), 900u);
  for (const std::string& line : lines) {
    std::istringstream in(line);
    std::string name, ids, types;
    int first = 0, second = 0;
    std::size_t limit = 0;
    in >> name >> first >> second >> limit;
    in.get();
    std::getline(in, ids, '\t');
    std::getline(in, types);
    auto& tokenizer = tokenizers[name];
    if (!tokenizer) tokenizer = small_tokenizer(name);
    const TokenizedText pair = tokenizer->tokenize_pair(joined("foo", first), joined("bar", second), limit);
    EXPECT_EQ(test::shown_ids(pair.ids), ids) << line;
    EXPECT_EQ(test::shown_ids(Ids(pair.type_ids.begin(), pair.type_ids.end())), types) << line;
    const std::size_t whole = tokenizer->tokenize_pair(joined("foo", first), joined("bar", second), 0).ids.size();
    EXPECT_EQ(pair.truncated, pair.ids.size() < whole) << line;
  }
}

TEST(Tokenizer, LeavesTheTypesOfSingleTextsOut) {
  EXPECT_TRUE(small_tokenizer()->tokenize("foo", 0).type_ids.empty());
}

TEST(Tokenizer, CountsAddedTokensInItsVocabulary) {
  EXPECT_EQ(small_tokenizer("cased")->vocabulary_size() + 5, small_tokenizer("raw_tokens")->vocabulary_size());
}

TEST(Tokenizer, StatesTheLengthOfTheModel) {
  ORTHANT_REQUIRE_DEFAULT_MODEL();
  EXPECT_EQ(load(test::default_model_dir())->model_max_length(), 512u);
  EXPECT_EQ(small_tokenizer()->model_max_length(), 0u);
}

TEST(Tokenizer, LeavesSpecialTokensOutWhereTheContentIsAskedFor) {
  const auto tokenizer = small_tokenizer();
  for (const std::string_view text : {"foo bar foo", "foo", ""}) {
    const Ids whole = tokenizer->tokenize(text, 0).ids;
    const Ids bare = tokenizer->tokenize("", 0).ids;
    const TokenizedText content = tokenizer->tokenize_content(text, 0);
    EXPECT_EQ(content.ids.size() + bare.size(), whole.size());
    EXPECT_EQ(content.ids, Ids(whole.begin() + 1, whole.begin() + 1 + static_cast<std::ptrdiff_t>(content.ids.size())));
    EXPECT_FALSE(content.truncated);
  }
  const TokenizedText cut = tokenizer->tokenize_content("foo bar foo", 2);
  EXPECT_EQ(cut.ids.size(), 2U);
  EXPECT_TRUE(cut.truncated);
}

}  // namespace
}  // namespace orthant
