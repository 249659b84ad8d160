#pragma once
// TokenizerSpec: what a tokenizer's files say, checked and in our own types. Plain values, but for the steps, which are made while
// they are read.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "encoder/tokenizer/normalizer.h"
#include "encoder/tokenizer/pre_tokenizer.h"

namespace orthant {

struct VocabularyEntry {
  std::string token;
  std::uint32_t id = 0;
};
using Vocabulary = std::vector<VocabularyEntry>;

struct WordPieceSpec {
  Vocabulary vocabulary;                // tokens and ids are unique
  std::string unknown_token = "[UNK]";  // in the vocabulary
  std::string continuing_prefix = "##";
  std::size_t max_input_chars_per_word = 100;
};

// Two tokens that become one. All three are in the vocabulary.
struct MergeSpec {
  std::uint32_t left, right, merged;
};

struct BytePairSpec {
  Vocabulary vocabulary;          // tokens and ids are unique
  std::vector<MergeSpec> merges;  // the first one goes first
  std::optional<std::uint32_t> unknown_id = {};
  std::string continuing_prefix = {};   // stands before all characters of a word but the first
  std::string end_of_word_suffix = {};  // stands after the last one
  bool fuse_unknown = false;            // unknown characters in a row are one token
  bool byte_fallback = false;           // unknown characters are tokens of bytes, as <0xE4>
  bool ignore_merges = false;           // a word that is a token is that token
};

struct UnigramSpec {
  Vocabulary vocabulary;       // entry i has the id i
  std::vector<double> scores;  // by id
  std::uint32_t unknown_id = 0;
  bool byte_fallback = false;
};

struct WordLevelSpec {
  Vocabulary vocabulary;      // tokens and ids are unique
  std::string unknown_token;  // in the vocabulary
};

using ModelSpec = std::variant<WordPieceSpec, BytePairSpec, UnigramSpec, WordLevelSpec>;

inline const Vocabulary& vocabulary_of(const ModelSpec& model) {
  return std::visit([](const auto& spec) -> const Vocabulary& { return spec.vocabulary; }, model);
}

// A token that is found in the text before anything else cuts it.
struct AddedToken {
  std::string content;
  std::uint32_t id = 0;
  bool single_word = false;  // only where no letter stands beside it
  bool lstrip = false;       // takes the whitespace before it
  bool rstrip = false;       // takes the whitespace after it
  bool normalized = false;   // is normalized itself and looked for in the normalized text
  bool special = false;      // found before ones that are not, where both are the same text
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
  std::vector<std::unique_ptr<Normalizer>> normalizers;
  // Where both are Bert's, words are cut while the text is normalized; the steps are then not used.
  bool has_bert_pre_tokenizer = false;
  std::vector<std::unique_ptr<SplitStep>> pre_tokenizers;
  ModelSpec model;
  std::vector<AddedToken> added_tokens;
  SequenceTemplates templates;
};

}  // namespace orthant
