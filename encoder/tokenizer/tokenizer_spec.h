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

// One part of what is made of a text or of a pair: the ids of a text, or fixed ones.
struct TemplatePart {
  enum class Source : std::uint8_t { kFixed, kFirst, kSecond };
  Source source = Source::kFixed;
  std::vector<std::uint32_t> ids = {};  // of kFixed
  std::uint8_t type_id = 0;             // the segment of its ids; 0 in the template of a single text
};
using SequenceTemplate = std::vector<TemplatePart>;

// What is put around the ids of one text (kFirst stands in it once) and of two (kFirst and kSecond each once).
struct SequenceTemplates {
  SequenceTemplate single = {{.source = TemplatePart::Source::kFirst}};
  SequenceTemplate pair = {{.source = TemplatePart::Source::kFirst}, {.source = TemplatePart::Source::kSecond, .type_id = 1}};
};

// Templates of the form [start] A [end] and [start] A [end] ... B [end].
SequenceTemplates bert_templates(std::uint32_t start, std::uint32_t end);
SequenceTemplates roberta_templates(std::uint32_t start, std::uint32_t end);

struct TokenizerSpec {
  BertNormalizerOptions normalizer;
  WordPieceSpec model;
  std::vector<AddedToken> added_tokens;
  SequenceTemplates templates;
};

}  // namespace orthant
