#pragma once
// Unigram: a word to the ids of the pieces whose scores have the largest sum (Kudo, 2018), found as SentencePiece and Hugging
// Face's `tokenizers` find them: from left to right, in double precision, a later path only where it is better, one character that
// is no piece at the smallest score less ten. Immutable, any thread. A word of n bytes takes 16 n bytes of scratch.

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "encoder/tokenizer/model.h"
#include "encoder/tokenizer/prefix_trie.h"
#include "encoder/tokenizer/tokenizer_spec.h"

namespace orthant {

class Unigram final : public Model {
 public:
  explicit Unigram(const UnigramSpec& spec);

  void append_ids(std::string_view word, std::vector<std::uint32_t>& ids) const override;

 private:
  // The best way to a place in the word: its last piece, and where that begins.
  struct Step {
    double score;
    std::uint32_t begin;
    std::uint32_t id;
  };
  static constexpr std::uint32_t kUnreached = 0xFFFFFFFF;

  void find_best(std::string_view word, Step* steps) const;
  void append_unknown(std::string_view unknown, std::vector<std::uint32_t>& ids) const;

  const PrefixTrie pieces_;
  std::vector<double> scores_;
  double unknown_score_;
  const std::uint32_t unknown_id_;
  std::vector<std::uint32_t> fallback_;  // ids of the 256 bytes, or empty
};

}  // namespace orthant
