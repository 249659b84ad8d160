#pragma once
// What the built-in encoder `qdrant/bm25` can be told. Plain values.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/payload/text_analyzer.h"

namespace orthant {

// Whether a model's name means this encoder: "qdrant/bm25" and "bm25", in any case.
bool is_bm25(std::string_view model);

struct Bm25Options {
  double k = 1.2;        // how soon more of the same word counts no more
  double b = 0.75;       // how much long documents are held back
  double avg_len = 256;  // words of an average document
  // Whose stop words and stemmer are used unless others are named; "none": neither.
  std::string language = "english";
  // Stop words by language are added to text.stopwords: those of stop_word_languages, or of `language` where that is empty.
  bool default_stop_words = true;
  std::vector<std::string> stop_word_languages;
  std::optional<std::string> stemmer;  // a language; empty: words stay as they are
  TextOptions text;                    // lengths are those of stems
};

}  // namespace orthant
