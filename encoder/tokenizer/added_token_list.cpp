#include "encoder/tokenizer/added_token_list.h"

#include <algorithm>

#include <fmt/format.h>

namespace orthant {

AddedTokenList::AddedTokenList(const Vocabulary& vocabulary) {
  vocabulary_.reserve(vocabulary.size());
  for (const VocabularyEntry& entry : vocabulary) vocabulary_.insert_or_assign(entry.token, entry.id);
}

std::uint32_t AddedTokenList::next_id() const {
  const auto size = static_cast<std::uint32_t>(vocabulary_.size());
  return !added_.empty() && (largest_added_ >= size || size == 0) ? largest_added_ + 1 : size;
}

std::expected<void, std::string> AddedTokenList::add(AddedToken token) {
  if (token.content.empty()) return {};
  const auto known = added_.find(token.content);
  const auto entry = vocabulary_.find(token.content);
  const std::uint32_t expected = known != added_.end() ? known->second : entry != vocabulary_.end() ? entry->second : next_id();
  if (token.id != expected) {
    return std::unexpected(fmt::format("'{}' has the id {}, expected {}", token.content, token.id, expected));
  }
  if (known != added_.end()) return {};
  added_.emplace(token.content, token.id);
  largest_added_ = std::max(largest_added_, token.id);
  tokens_.push_back(std::move(token));
  return {};
}

Status AddedTokenList::add_missing(const TokenizerConfig& config) {
  for (const AddedToken& token : config.added_tokens) {
    if (added_.contains(token.content)) continue;
    if (const auto added = add(token); !added) {
      return data_corruption(fmt::format("{}: added_tokens_decoder: {}", config.file, added.error()));
    }
  }
  return {};
}

}  // namespace orthant
