#pragma once
// How many tokens a text will have, told without its tokenizer: what queues of texts are bounded and cut by. Any thread.

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace orthant {

// `limit` is the model's greatest number of tokens, special ones included.
inline std::size_t estimated_tokens(std::string_view text, std::size_t limit) {
  // English has a little over four bytes a token; two special tokens surround each text.
  constexpr std::size_t kBytesPerToken = 4;
  constexpr std::size_t kSpecialTokens = 2;
  return std::min(text.size() / kBytesPerToken + kSpecialTokens, limit);
}

}  // namespace orthant
