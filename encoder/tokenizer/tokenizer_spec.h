#pragma once
// TokenizerSpec: what a tokenizer's files say, checked and in our own types. Plain values.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "encoder/tokenizer/bert_normalizer.h"

namespace orthant {

struct VocabularyEntry {
  std::string token;
  std::uint32_t id = 0;
};

struct WordPieceSpec {
  std::vector<VocabularyEntry> vocabulary;  // tokens and ids are unique
  std::string unknown_token = "[UNK]";      // in the vocabulary
  std::string continuing_prefix = "##";
  std::size_t max_input_chars_per_word = 100;
};

// A token that is found in the text before anything else cuts it.
struct AddedToken {
  std::string content;
  std::uint32_t id = 0;
  bool single_word = false;  // only where no letter stands beside it
  bool lstrip = false;       // takes the whitespace before it
  bool rstrip = false;       // takes the whitespace after it
  bool normalized = false;   // is normalized itself and looked for in the normalized text
};

// The ids put around those of one text.
struct SequenceTemplate {
  std::vector<std::uint32_t> before;
  std::vector<std::uint32_t> after;
};

struct TokenizerSpec {
  BertNormalizerOptions normalizer;
  WordPieceSpec model;
  std::vector<AddedToken> added_tokens;
  SequenceTemplate sequence_template;
};

}  // namespace orthant
