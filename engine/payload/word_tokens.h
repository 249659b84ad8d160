#pragma once
// WordTokens: runs of letters and digits of any script (or, asked so, of anything but white space), lower-cased unless asked
// otherwise. Reads one text from front to back; one thread at a time.

#include <string>
#include <string_view>

namespace orthant {

enum class WordBreak {
  kNotAlphanumeric,  // the default tokenizer of text conditions
  kWhitespace,
  // As kNotAlphanumeric, and every character of a script that writes without spaces (Han, kana, Thai, Lao, Khmer, Burmese) is a
  // token of its own.
  kScripts,
};

class WordTokens {
 public:
  explicit WordTokens(std::string_view text, WordBreak word_break = WordBreak::kNotAlphanumeric, bool lower_case = true)
      : rest_(text), break_(word_break), lower_case_(lower_case) {}
  // False at the end. `token` is overwritten.
  bool next(std::string& token);

 private:
  std::string_view rest_;
  const WordBreak break_;
  const bool lower_case_;
};

}  // namespace orthant
