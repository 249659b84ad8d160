#include "encoder/tokenizer/wordpiece.h"

#include "encoder/tokenizer/utf8.h"

namespace orthant {
namespace {

std::vector<PrefixTrie::Entry> entries_after(std::string_view prefix, const std::vector<VocabularyEntry>& vocabulary) {
  std::vector<PrefixTrie::Entry> entries;
  entries.reserve(vocabulary.size());
  for (const VocabularyEntry& entry : vocabulary) {
    const std::string_view token = entry.token;
    if (token.starts_with(prefix)) entries.push_back({token.substr(prefix.size()), entry.id});
  }
  return entries;
}

}  // namespace

WordPiece::WordPiece(const WordPieceSpec& spec)
    : first_pieces_(entries_after("", spec.vocabulary)),
      continuing_pieces_(entries_after(spec.continuing_prefix, spec.vocabulary)),
      max_input_chars_per_word_(spec.max_input_chars_per_word),
      unknown_id_(first_pieces_.find(spec.unknown_token)) {}

bool WordPiece::has_too_many_characters(std::string_view word) const {
  return word.size() > max_input_chars_per_word_ && count_code_points(word) > max_input_chars_per_word_;
}

void WordPiece::append_ids(std::string_view word, std::vector<std::uint32_t>& ids) const {
  const std::size_t before = ids.size();
  // Keys and word are valid UTF-8, so a match always ends between two characters.
  PrefixTrie::Match piece = first_pieces_.longest_prefix(word);
  if (has_too_many_characters(word)) piece = {};
  while (piece.value != PrefixTrie::kNone) {
    ids.push_back(piece.value);
    word.remove_prefix(piece.bytes);
    if (word.empty()) return;
    piece = continuing_pieces_.longest_prefix(word);
  }
  ids.resize(before);
  ids.push_back(unknown_id_);
}

}  // namespace orthant
