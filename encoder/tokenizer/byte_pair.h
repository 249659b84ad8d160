#pragma once
// BytePair: a word to the ids of byte-pair encoding (Sennrich, Haddow, Birch, 2016): its characters are symbols, and of all
// neighbours that a merge joins, those of the first merge (of equal ones, the leftmost) become one, until there are none.
//
// Three things make it fast. A word that is a token, and that merging would make that token, is one look-up: whether merging would
// is found out once for each token. Where whole texts are words (Llama 2's and Gemma's way), they are cut before each U+2581 that
// no merge joins to the character before it: merging cannot tell. And short words merge in place on the stack; long ones through a
// heap, so that n characters take n log n steps and some 30 n bytes.

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "encoder/tokenizer/model.h"
#include "encoder/tokenizer/token_index.h"
#include "encoder/tokenizer/tokenizer_spec.h"

namespace orthant {

class BytePair final : public Model {
 public:
  // `byte_words`: words come as bytes, while the vocabulary is written in byte_alphabet.h's characters. Only for specs that
  // can_take_bytes().
  BytePair(const BytePairSpec& spec, bool byte_words);

  static bool can_take_bytes(const BytePairSpec& spec);

  void append_ids(std::string_view word, std::vector<std::uint32_t>& ids) const override;

 private:
  // Which two symbols become which one. rank: its place among the merges.
  struct Merge {
    std::uint32_t rank = kNone;
    std::uint32_t merged = kNone;
  };
  class Merges {
   public:
    explicit Merges(const std::vector<MergeSpec>& merges);
    Merge find(std::uint32_t left, std::uint32_t right) const;

   private:
    struct Slot {
      std::uint32_t left = kNone, right = kNone;
      Merge merge;
    };
    std::size_t slot_of(std::uint32_t left, std::uint32_t right) const;
    std::vector<Slot> slots_;
  };
  enum class Whole : std::uint8_t { kUnknown, kYes, kNo };

  // Where the next part of the word begins, if the word may be cut; else its end.
  std::size_t next_cut(std::string_view word, std::size_t from) const;
  void append_part(std::string_view part, std::vector<std::uint32_t>& ids) const;
  void append_merged(std::string_view word, std::vector<std::uint32_t>& ids) const;
  void append_symbols(std::string_view word, std::vector<std::uint32_t>& symbols) const;
  void append_character_symbols(std::string_view word, std::vector<std::uint32_t>& symbols) const;
  std::uint32_t symbol_of(std::string_view character, bool first, bool last, std::string& spelled) const;
  bool append_byte_fallback(std::string_view spelled, std::vector<std::uint32_t>& symbols) const;
  std::size_t merge_short(std::uint32_t* symbols, std::size_t count) const;
  void merge_long(std::vector<std::uint32_t>& symbols, std::size_t begin) const;

  static constexpr std::uint32_t kNone = TokenIndex::kNone;

  const TokenIndex tokens_;
  const Merges merges_;
  std::unique_ptr<std::atomic<Whole>[]> whole_;  // by id
  std::vector<std::uint32_t> by_byte_;           // of byte words: a symbol for each byte; else empty
  std::vector<std::uint32_t> by_character_;      // of tokens of one character
  std::vector<std::uint32_t> fallback_;          // 256 ids, or empty
  // The last characters before U+2581 that merges join to it; nothing: words are not cut.
  std::optional<std::set<char32_t>> joined_before_block_;
  const std::string prefix_, suffix_;
  const std::uint32_t unknown_id_;
  const bool fuse_unknown_, ignore_merges_;
};

}  // namespace orthant
