#pragma once
// TextAnalyzer: what text conditions take as the tokens of a text, with the options that a text index can be given. Conditions on
// a field with a text index use the index's options, whether the index or the stored payload answers them; all others use the
// defaults. Immutable, any thread.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/payload/word_tokens.h"

namespace orthant {

enum class TextTokenizer : std::uint8_t { kWord = 0, kWhitespace = 1, kPrefix = 2, kMultilingual = 3 };

struct TextOptions {
  TextTokenizer tokenizer = TextTokenizer::kWord;
  bool lowercase = true;
  // Marks are taken off letters, and some letters are spelled in ASCII: e with an accent becomes e, sharp s becomes ss.
  bool ascii_folding = false;
  bool phrase_matching = false;  // kept and given back; phrases are found with and without
  // Characters; tokens outside these are left out. For kPrefix: of the beginnings that a word is found by.
  std::optional<std::uint32_t> min_token_length;
  std::optional<std::uint32_t> max_token_length;
  std::vector<std::string> stopwords;
  // Language of a Snowball stemmer that words go through after the stop words are taken out (stemmer.h); empty: none.
  std::string stemmer{};
  // The index counts words and lengths too, so that texts can be ranked (TextScoreQuery).
  bool scoring = false;
  bool operator==(const TextOptions&) const = default;
};

class TextAnalyzer {
 public:
  TextAnalyzer() : TextAnalyzer(TextOptions()) {}
  explicit TextAnalyzer(TextOptions options);

  // Calls visit(token) until it returns false; of kPrefix every beginning of every word.
  using Visit = std::function<bool(const std::string& token)>;
  void visit_tokens(std::string_view text, const Visit& visit) const;
  // What a query looks for; of kPrefix words, cut to the longest beginning.
  std::vector<std::string> query_tokens(std::string_view text) const;
  // Tokens in their order, for phrases and their queries; of kPrefix whole words.
  std::vector<std::string> words(std::string_view text) const;

 private:
  // The next word after folding, stop words and stemming; false at the end.
  bool next_word(WordTokens& tokens, std::string& word) const;
  bool has_wanted_length(std::string_view token) const;

  TextOptions options_;
  WordBreak break_ = WordBreak::kNotAlphanumeric;
};

}  // namespace orthant
