#pragma once
// Reads the vocabularies of models that have no tokenizer.json: vocab.txt (Bert) and vocab.json with merges.txt (RoBERTa, GPT-2).
// Free functions, any thread.

#include <filesystem>

#include "base/result.h"
#include "encoder/tokenizer/tokenizer_config.h"
#include "encoder/tokenizer/tokenizer_spec.h"

namespace orthant {

// Bert's tokenizer over the tokens of vocab.txt, one a line, ids from 0; special tokens as the config names them.
Result<TokenizerSpec> read_vocab_txt(const std::filesystem::path& file, const TokenizerConfig& config);

// A byte-level tokenizer over a vocabulary {"token": id} and its merges, two tokens a line. Where the vocabulary has RoBERTa's
// start and end ("<s>" and "</s>", or what the config names), they stand around the text; where it has not, nothing does.
Result<TokenizerSpec> read_vocab_merges(const std::filesystem::path& vocabulary, const std::filesystem::path& merges,
                                        const TokenizerConfig& config);

}  // namespace orthant
