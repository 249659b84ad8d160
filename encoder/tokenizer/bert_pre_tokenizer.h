#pragma once
// BertPreTokenizer: cuts normalized text into words at whitespace, with each punctuation character a word of its own. Stateless,
// any thread.

#include <cstddef>
#include <string_view>

namespace orthant {

class BertPreTokenizer {
 public:
  // The next word of `text` (valid UTF-8) from `position` on; moves `position` past it. Empty when there is none left.
  static std::string_view next_word(std::string_view text, std::size_t& position);
};

}  // namespace orthant
