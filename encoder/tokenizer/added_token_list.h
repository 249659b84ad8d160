#pragma once
// AddedTokenList: collects a tokenizer's added tokens with the ids that Hugging Face's `tokenizers` gives them: the one that the
// vocabulary has for the text, or the next one after all others, whatever the file says. A file that says otherwise would mean
// other ids here and there, and is refused. One thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "encoder/tokenizer/tokenizer_config.h"
#include "encoder/tokenizer/tokenizer_spec.h"

namespace orthant {

class AddedTokenList {
 public:
  // The vocabulary must outlive the list.
  explicit AddedTokenList(const Vocabulary& vocabulary);

  // What is wrong: another id is expected. A token that is there already changes nothing.
  std::expected<void, std::string> add(AddedToken token);

  // The tokens of the config's added_tokens_decoder that are not there yet. data_corruption names that field.
  Status add_missing(const TokenizerConfig& config);

  std::vector<AddedToken> take() { return std::move(tokens_); }

 private:
  std::uint32_t next_id() const;

  std::unordered_map<std::string_view, std::uint32_t> vocabulary_;
  std::unordered_map<std::string, std::uint32_t> added_;
  std::uint32_t largest_added_ = 0;
  std::vector<AddedToken> tokens_;
};

}  // namespace orthant
