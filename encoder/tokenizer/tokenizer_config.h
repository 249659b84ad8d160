#pragma once
// Reads tokenizer_config.json (what Hugging Face's tokenizer classes are made with) and vocab.txt. Free functions, any thread.

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "encoder/tokenizer/tokenizer_spec.h"

namespace orthant {

// What the file states; nothing where it is silent.
struct TokenizerConfig {
  std::size_t model_max_length = 0;  // 0: none, or a sentinel too large to be a length
  std::optional<bool> do_lower_case;
  std::optional<bool> tokenize_chinese_chars;
  std::optional<std::optional<bool>> strip_accents;  // may be stated as null
  std::optional<std::string> unknown_token;
  std::optional<std::string> separator_token;
  std::optional<std::string> padding_token;
  std::optional<std::string> class_token;
  std::optional<std::string> mask_token;
};

// An absent file states nothing. data_corruption names the field.
Result<TokenizerConfig> read_tokenizer_config(const std::filesystem::path& file);

// Bert's tokenizer over the tokens of vocab.txt, one a line, ids from 0; special tokens as the config names them.
Result<TokenizerSpec> read_vocab_txt(const std::filesystem::path& file, const TokenizerConfig& config);

// The config's flags win over those of tokenizer.json.
void apply_flags(const TokenizerConfig& config, BertNormalizerOptions& options);

}  // namespace orthant
