#pragma once
// Reads tokenizer_config.json: what Hugging Face's tokenizer classes are made with. Free functions, any thread.

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "encoder/tokenizer/bert_normalizer.h"
#include "encoder/tokenizer/tokenizer_spec.h"

namespace orthant {

// What the file states; nothing where it is silent.
struct TokenizerConfig {
  std::string file;                  // its name, for errors
  std::size_t model_max_length = 0;  // 0: none, or a sentinel too large to be a length
  std::optional<bool> do_lower_case;
  std::optional<bool> tokenize_chinese_chars;
  std::optional<std::optional<bool>> strip_accents;  // may be stated as null
  std::optional<std::string> unknown_token;
  std::optional<std::string> separator_token;
  std::optional<std::string> padding_token;
  std::optional<std::string> class_token;
  std::optional<std::string> mask_token;
  std::optional<bool> add_prefix_space;
  std::vector<AddedToken> added_tokens;  // of added_tokens_decoder, by id
};

// An absent file states nothing. data_corruption names the field.
Result<TokenizerConfig> read_tokenizer_config(const std::filesystem::path& file);

// The config's flags win over those of tokenizer.json.
void apply_flags(const TokenizerConfig& config, BertNormalizerOptions& options);

}  // namespace orthant
