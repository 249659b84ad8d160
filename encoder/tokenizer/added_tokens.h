#pragma once
// AddedTokens: finds a fixed set of tokens in a text, leftmost first, of those the longest. AddedTokens is immutable (any thread);
// an AddedTokenReader goes through one text (one thread).

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "encoder/tokenizer/prefix_trie.h"
#include "encoder/tokenizer/tokenizer_spec.h"

namespace orthant {

class AddedTokens {
 public:
  // Of tokens with equal content the first one counts, special ones before others; empty ones are left out.
  explicit AddedTokens(std::vector<AddedToken> tokens);

  bool empty() const { return empty_; }

  struct Match {
    std::size_t begin;
    std::size_t end;
    const AddedToken* token;
  };
  // The first match that begins at or after `from`; surroundings are not looked at.
  std::optional<Match> find(std::string_view text, std::size_t from) const;

 private:
  std::vector<AddedToken> tokens_;
  PrefixTrie positions_by_content_;
  std::array<bool, 256> starts_token_{};
  bool empty_ = true;
};

// Cuts a text (valid UTF-8, outliving the reader) into its added tokens and the stretches between them, in order.
class AddedTokenReader {
 public:
  struct Piece {
    const AddedToken* token;  // null: `text` is ordinary text
    std::string_view text;
  };

  AddedTokenReader(const AddedTokens& tokens, std::string_view text) : tokens_(tokens), text_(text) {}

  // Nothing at the end.
  std::optional<Piece> next();

 private:
  std::optional<AddedTokens::Match> next_match();
  bool stands_alone(const AddedTokens::Match& match) const;
  void take_whitespace(AddedTokens::Match& match) const;

  const AddedTokens& tokens_;
  std::string_view text_;
  std::size_t searched_to_ = 0;
  std::size_t given_to_ = 0;
  std::optional<AddedTokens::Match> waiting_;  // found, to be given after the text before it
};

}  // namespace orthant
