#pragma once
// WordTokens: the default tokenizer of text conditions: runs of letters and digits of any script, lower-cased. Reads one text from
// front to back; one thread at a time.

#include <string>
#include <string_view>
#include <vector>

namespace orthant {

class WordTokens {
 public:
  explicit WordTokens(std::string_view text) : rest_(text) {}
  // False at the end. `token` is overwritten.
  bool next(std::string& token);

 private:
  std::string_view rest_;
};

std::vector<std::string> word_tokens(std::string_view text);

}  // namespace orthant
