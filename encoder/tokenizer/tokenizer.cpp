#include "encoder/tokenizer/tokenizer.h"

#include <algorithm>
#include <string>

#include "encoder/tokenizer/added_tokens.h"
#include "encoder/tokenizer/bert_normalizer.h"
#include "encoder/tokenizer/bert_pre_tokenizer.h"
#include "encoder/tokenizer/sequence_template.h"
#include "encoder/tokenizer/tokenizer_config.h"
#include "encoder/tokenizer/tokenizer_json.h"
#include "encoder/tokenizer/utf8.h"
#include "encoder/tokenizer/wordpiece.h"

namespace orthant {
namespace {

// How much text is normalized at once when only the first tokens are wanted.
constexpr std::size_t kSliceBytes = 2048;
// Typical bytes of text a token, to reserve ids.
constexpr std::size_t kBytesPerToken = 3;

std::vector<AddedToken> tokens_found_before_normalizing(const std::vector<AddedToken>& tokens) {
  std::vector<AddedToken> found;
  std::ranges::copy_if(tokens, std::back_inserter(found), [](const AddedToken& token) { return !token.normalized; });
  return found;
}

std::vector<AddedToken> tokens_found_after_normalizing(const std::vector<AddedToken>& tokens, const BertNormalizer& normalizer) {
  std::vector<AddedToken> found;
  for (AddedToken token : tokens) {
    if (!token.normalized) continue;
    std::string content;
    normalizer.append_normalized(token.content, content);
    token.content = std::move(content);
    found.push_back(std::move(token));
  }
  return found;
}

std::size_t ids_needed(const TokenizerSpec& spec) {
  std::uint32_t largest = 0;
  for (const VocabularyEntry& entry : spec.model.vocabulary) largest = std::max(largest, entry.id);
  for (const AddedToken& token : spec.added_tokens) largest = std::max(largest, token.id);
  return std::size_t{largest} + 1;
}

// Added tokens are cut out of the text, the rest is normalized; added tokens are cut out of that; the rest becomes words, and
// words become pieces.
class WordPieceTokenizer final : public Tokenizer {
 public:
  WordPieceTokenizer(const TokenizerSpec& spec, std::size_t model_max_length)
      : normalizer_(spec.normalizer),
        raw_tokens_(tokens_found_before_normalizing(spec.added_tokens)),
        normalized_tokens_(tokens_found_after_normalizing(spec.added_tokens, normalizer_)),
        wordpiece_(spec.model),
        templates_(spec.templates),
        vocabulary_size_(ids_needed(spec)),
        model_max_length_(model_max_length) {}

  TokenizedText tokenize(std::string_view text, std::size_t max_tokens) const override;
  TokenizedText tokenize_content(std::string_view text, std::size_t max_tokens) const override;
  TokenizedText tokenize_pair(std::string_view first, std::string_view second, std::size_t max_tokens) const override;
  std::size_t vocabulary_size() const override { return vocabulary_size_; }
  std::size_t model_max_length() const override { return model_max_length_; }

 private:
  // The ids so far, and how many are wanted: whoever adds ids stops once there are more.
  struct Output {
    std::vector<std::uint32_t> ids;
    std::size_t wanted = 0;
    std::string normalized;  // scratch

    bool full() const { return ids.size() > wanted; }
  };

  Output ids_of(std::string_view text, std::size_t wanted) const;
  void append_text(std::string_view text, Output& output) const;
  void append_ordinary(std::string_view text, Output& output) const;
  void append_normalized(std::string_view text, Output& output) const;
  void append_words(std::string_view normalized, Output& output) const;

  const BertNormalizer normalizer_;
  const AddedTokens raw_tokens_;
  const AddedTokens normalized_tokens_;
  const WordPiece wordpiece_;
  const SequenceTemplates templates_;
  const std::size_t vocabulary_size_;
  const std::size_t model_max_length_;
};

// The first `wanted` ids of the text without special tokens, and one or some more where there are more.
WordPieceTokenizer::Output WordPieceTokenizer::ids_of(std::string_view text, std::size_t wanted) const {
  std::string repaired;
  if (!is_valid_utf8(text)) {
    repaired = replace_invalid_utf8(text);
    text = repaired;
  }
  Output output;
  output.wanted = wanted;
  output.ids.reserve(std::min(wanted, text.size() / kBytesPerToken) + 1);
  append_text(text, output);
  return output;
}

TokenizedText WordPieceTokenizer::tokenize(std::string_view text, std::size_t max_tokens) const {
  const std::size_t limit = max_tokens == 0 ? text.max_size() : max_tokens;
  const std::size_t special_count = fixed_id_count(templates_.single);
  Output output = ids_of(text, limit > special_count ? limit - special_count : 0);
  const bool truncated = output.full();
  if (truncated) output.ids.resize(output.wanted);
  TokenizedText result = fill_template(templates_.single, output.ids, {}, false);
  result.truncated = truncated;
  if (result.ids.size() > limit) result.ids.resize(limit);  // less room than the special tokens alone need
  return result;
}

TokenizedText WordPieceTokenizer::tokenize_content(std::string_view text, std::size_t max_tokens) const {
  const std::size_t limit = max_tokens == 0 ? text.max_size() : max_tokens;
  TokenizedText result;
  result.ids = std::move(ids_of(text, limit).ids);
  result.truncated = result.ids.size() > limit;
  if (result.truncated) result.ids.resize(limit);
  return result;
}

TokenizedText WordPieceTokenizer::tokenize_pair(std::string_view first, std::string_view second, std::size_t max_tokens) const {
  const std::size_t limit = max_tokens == 0 ? first.max_size() : max_tokens;
  const std::size_t special_count = fixed_id_count(templates_.pair);
  const std::size_t room = limit > special_count ? limit - special_count : 0;
  Output one = ids_of(first, room);
  Output other = ids_of(second, room);
  // Which text is the longer decides who gets the odd place: then the lengths must be the true ones.
  if (one.full() && other.full() && room % 2 == 1) {
    one = ids_of(first, first.max_size());
    other = ids_of(second, second.max_size());
  }
  const PairLengths kept = longest_first({one.ids.size(), other.ids.size()}, room);
  TokenizedText result =
      fill_template(templates_.pair, std::span(one.ids).first(kept.first), std::span(other.ids).first(kept.second), true);
  result.truncated = kept.first < one.ids.size() || kept.second < other.ids.size();
  if (result.ids.size() > limit) {
    result.ids.resize(limit);
    result.type_ids.resize(limit);
  }
  return result;
}

void WordPieceTokenizer::append_text(std::string_view text, Output& output) const {
  AddedTokenReader reader(raw_tokens_, text);
  while (!output.full()) {
    const auto piece = reader.next();
    if (!piece) return;
    if (piece->token != nullptr) {
      output.ids.push_back(piece->token->id);
    } else {
      append_ordinary(piece->text, output);
    }
  }
}

// In slices that end before a blank, where no word and no run of combining marks goes on. A token that is looked for in the
// normalized text may go on there.
void WordPieceTokenizer::append_ordinary(std::string_view text, Output& output) const {
  if (!normalized_tokens_.empty()) {
    append_normalized(text, output);
    return;
  }
  while (!text.empty() && !output.full()) {
    const std::size_t end = std::min(text.find(' ', kSliceBytes), text.size());
    append_normalized(text.substr(0, end), output);
    text.remove_prefix(end);
  }
}

void WordPieceTokenizer::append_normalized(std::string_view text, Output& output) const {
  output.normalized.clear();
  normalizer_.append_normalized(text, output.normalized);
  AddedTokenReader reader(normalized_tokens_, output.normalized);
  while (!output.full()) {
    const auto piece = reader.next();
    if (!piece) return;
    if (piece->token != nullptr) {
      output.ids.push_back(piece->token->id);
    } else {
      append_words(piece->text, output);
    }
  }
}

void WordPieceTokenizer::append_words(std::string_view normalized, Output& output) const {
  std::size_t position = 0;
  while (!output.full()) {
    const std::string_view word = BertPreTokenizer::next_word(normalized, position);
    if (word.empty()) return;
    wordpiece_.append_ids(word, output.ids);
  }
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> Tokenizer::load(const std::filesystem::path& folder) {
  const std::filesystem::path json = folder / "tokenizer.json";
  const std::filesystem::path vocabulary = folder / "vocab.txt";
  std::error_code ignored;  // what cannot be looked at is as good as absent
  const bool has_json = std::filesystem::exists(json, ignored);
  if (!has_json && !std::filesystem::exists(vocabulary, ignored)) {
    return not_found(folder.string() + ": neither tokenizer.json nor vocab.txt is there");
  }
  const TokenizerConfig config = ORTHANT_TRY(read_tokenizer_config(folder / "tokenizer_config.json"));
  TokenizerSpec spec = has_json ? ORTHANT_TRY(read_tokenizer_json(json)) : ORTHANT_TRY(read_vocab_txt(vocabulary, config));
  apply_flags(config, spec.normalizer);
  return std::make_unique<WordPieceTokenizer>(spec, config.model_max_length);
}

}  // namespace orthant
