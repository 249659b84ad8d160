#include "encoder/tokenizer/added_tokens.h"

#include "encoder/tokenizer/character_tables.h"
#include "encoder/tokenizer/utf8.h"

namespace orthant {
namespace {

std::vector<PrefixTrie::Entry> positions_of(const std::vector<AddedToken>& tokens) {
  std::vector<PrefixTrie::Entry> entries;
  // The trie takes the last of equal keys: here the first special one, or else the first.
  for (const bool special : {false, true}) {
    for (std::size_t i = tokens.size(); i-- > 0;) {
      if (tokens[i].special == special) entries.push_back({tokens[i].content, static_cast<std::uint32_t>(i)});
    }
  }
  return entries;
}

bool has_flag_at(std::string_view text, std::size_t position, CharacterFlag flag) {
  return position < text.size() && (character_record(decode_code_point(text, position)).flags & flag) != 0;
}

bool has_flag_before(std::string_view text, std::size_t end, CharacterFlag flag) {
  return end > 0 && has_flag_at(text, code_point_begin_before(text, end), flag);
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens)
    : tokens_(std::move(tokens)), positions_by_content_(positions_of(tokens_)) {
  for (const AddedToken& token : tokens_) {
    if (token.content.empty()) continue;
    starts_token_[static_cast<std::uint8_t>(token.content.front())] = true;
    empty_ = false;
  }
}

std::optional<AddedTokens::Match> AddedTokens::find(std::string_view text, std::size_t from) const {
  if (empty_) return std::nullopt;
  for (std::size_t i = from; i < text.size(); ++i) {
    if (!starts_token_[static_cast<std::uint8_t>(text[i])]) continue;
    const PrefixTrie::Match match = positions_by_content_.longest_prefix(text.substr(i));
    if (match.value != PrefixTrie::kNone) return Match{i, i + match.bytes, &tokens_[match.value]};
  }
  return std::nullopt;
}

std::optional<AddedTokenReader::Piece> AddedTokenReader::next() {
  if (!waiting_) waiting_ = next_match();
  const std::size_t text_end = waiting_ ? waiting_->begin : text_.size();
  if (given_to_ < text_end) {
    const Piece piece{nullptr, text_.substr(given_to_, text_end - given_to_)};
    given_to_ = text_end;
    return piece;
  }
  if (!waiting_) return std::nullopt;
  const Piece piece{waiting_->token, text_.substr(waiting_->begin, waiting_->end - waiting_->begin)};
  given_to_ = waiting_->end;
  waiting_.reset();
  return piece;
}

// A match that does not stand alone is passed over as a whole: shorter tokens inside it are not found either.
std::optional<AddedTokens::Match> AddedTokenReader::next_match() {
  while (auto match = tokens_.find(text_, searched_to_)) {
    searched_to_ = match->end;
    if (match->token->single_word && !stands_alone(*match)) continue;
    take_whitespace(*match);
    return match;
  }
  searched_to_ = text_.size();
  return std::nullopt;
}

bool AddedTokenReader::stands_alone(const AddedTokens::Match& match) const {
  return !has_flag_before(text_, match.begin, kWord) && !has_flag_at(text_, match.end, kWord);
}

void AddedTokenReader::take_whitespace(AddedTokens::Match& match) const {
  if (match.token->lstrip) {
    while (match.begin > given_to_ && has_flag_before(text_, match.begin, kWhitespace)) {
      match.begin = code_point_begin_before(text_, match.begin);
    }
  }
  if (match.token->rstrip) {
    while (has_flag_at(text_, match.end, kWhitespace)) decode_code_point(text_, match.end);
  }
}

}  // namespace orthant
