#pragma once
// WordPiece: a word to the ids of its pieces: at each step the longest piece in the vocabulary, continuing pieces with their
// prefix. A word that cannot be cut up so, or has too many characters, becomes the unknown token. Immutable, any thread.

#include <cstdint>
#include <string_view>
#include <vector>

#include "encoder/tokenizer/model.h"
#include "encoder/tokenizer/prefix_trie.h"
#include "encoder/tokenizer/tokenizer_spec.h"

namespace orthant {

class WordPiece final : public Model {
 public:
  explicit WordPiece(const WordPieceSpec& spec);

  void append_ids(std::string_view word, std::vector<std::uint32_t>& ids) const override;

 private:
  bool has_too_many_characters(std::string_view word) const;

  PrefixTrie first_pieces_;
  PrefixTrie continuing_pieces_;  // without their prefix
  std::size_t max_input_chars_per_word_;
  std::uint32_t unknown_id_;
};

}  // namespace orthant
