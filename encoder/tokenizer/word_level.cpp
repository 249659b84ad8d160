#include "encoder/tokenizer/word_level.h"

namespace orthant {
namespace {

std::vector<TokenIndex::Entry> entries_of(const WordLevelSpec& spec) {
  std::vector<TokenIndex::Entry> entries;
  entries.reserve(spec.vocabulary.size());
  for (const VocabularyEntry& entry : spec.vocabulary) entries.push_back({entry.token, entry.id});
  return entries;
}

}  // namespace

WordLevel::WordLevel(const WordLevelSpec& spec) : tokens_(entries_of(spec)), unknown_id_(tokens_.find(spec.unknown_token)) {}

}  // namespace orthant
