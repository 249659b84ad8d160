#include "encoder/tokenizer/tokenizer.h"

#include <algorithm>
#include <string>

#include "encoder/tokenizer/added_tokens.h"
#include "encoder/tokenizer/bert_pre_tokenizer.h"
#include "encoder/tokenizer/byte_pair.h"
#include "encoder/tokenizer/sequence_template.h"
#include "encoder/tokenizer/tokenizer_config.h"
#include "encoder/tokenizer/tokenizer_json.h"
#include "encoder/tokenizer/unigram.h"
#include "encoder/tokenizer/utf8.h"
#include "encoder/tokenizer/vocabulary_files.h"
#include "encoder/tokenizer/word_level.h"
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

std::vector<AddedToken> tokens_found_after_normalizing(const std::vector<AddedToken>& tokens, const NormalizerChain& normalizer) {
  std::vector<AddedToken> found;
  std::string out, spare;
  for (AddedToken token : tokens) {
    if (!token.normalized) continue;
    token.content = std::string(normalizer.normalize(token.content, out, spare));
    found.push_back(std::move(token));
  }
  return found;
}

std::size_t ids_needed(const TokenizerSpec& spec) {
  std::uint32_t largest = 0;
  for (const VocabularyEntry& entry : vocabulary_of(spec.model)) largest = std::max(largest, entry.id);
  for (const AddedToken& token : spec.added_tokens) largest = std::max(largest, token.id);
  return std::size_t{largest} + 1;
}

struct ModelMaker {
  PreTokenizer& pre_tokenizer;

  std::unique_ptr<Model> operator()(const WordPieceSpec& spec) const { return std::make_unique<WordPiece>(spec); }
  std::unique_ptr<Model> operator()(const UnigramSpec& spec) const { return std::make_unique<Unigram>(spec); }
  std::unique_ptr<Model> operator()(const WordLevelSpec& spec) const { return std::make_unique<WordLevel>(spec); }
  // Where it can be, bytes go to the model as they are, instead of as the characters that stand for them.
  std::unique_ptr<Model> operator()(const BytePairSpec& spec) const {
    return std::make_unique<BytePair>(spec, BytePair::can_take_bytes(spec) && pre_tokenizer.leave_bytes());
  }
};

// The ids so far, and how many are wanted: whoever adds ids stops once there are more.
struct Output {
  std::vector<std::uint32_t> ids;
  std::size_t wanted = 0;
  // Scratch.
  std::string normalized, spare;
  PreTokenizer::Scratch pieces;

  bool full() const { return ids.size() > wanted; }
};

class IdSink final : public WordSink {
 public:
  IdSink(const Model& model, Output& output) : model_(model), output_(output) {}

  bool take(std::string_view word) override {
    model_.append_ids(word, output_.ids);
    return !output_.full();
  }

 private:
  const Model& model_;
  Output& output_;
};

// Added tokens are cut out of the text, the rest is normalized; added tokens are cut out of that; the rest becomes words, and
// words become ids.
class TokenizerPipeline final : public Tokenizer {
 public:
  TokenizerPipeline(TokenizerSpec spec, std::size_t model_max_length)
      : normalizer_(std::move(spec.normalizers)),
        raw_tokens_(tokens_found_before_normalizing(spec.added_tokens)),
        normalized_tokens_(tokens_found_after_normalizing(spec.added_tokens, normalizer_)),
        pre_tokenizer_(std::move(spec.pre_tokenizers)),
        model_(std::visit(ModelMaker{pre_tokenizer_}, spec.model)),
        wordpiece_(spec.has_bert_pre_tokenizer ? dynamic_cast<const WordPiece*>(model_.get()) : nullptr),
        asks_for_start_(pre_tokenizer_.asks_for_start()),
        works_in_slices_(spec.has_bert_pre_tokenizer && normalizer_.works_in_slices() && normalized_tokens_.empty()),
        templates_(std::move(spec.templates)),
        vocabulary_size_(ids_needed(spec)),
        model_max_length_(model_max_length) {}

  TokenizedText tokenize(std::string_view text, std::size_t max_tokens) const override;
  TokenizedText tokenize_content(std::string_view text, std::size_t max_tokens) const override;
  TokenizedText tokenize_pair(std::string_view first, std::string_view second, std::size_t max_tokens) const override;
  std::size_t vocabulary_size() const override { return vocabulary_size_; }
  std::size_t model_max_length() const override { return model_max_length_; }

 private:
  Output ids_of(std::string_view text, std::size_t wanted) const;
  void append_text(std::string_view text, Output& output) const;
  void append_ordinary(Piece text, Output& output) const;
  void append_slice(Piece text, Output& output) const;
  void append_words(Piece normalized, Output& output) const;

  const NormalizerChain normalizer_;
  const AddedTokens raw_tokens_;
  const AddedTokens normalized_tokens_;
  PreTokenizer pre_tokenizer_;
  const std::unique_ptr<Model> model_;
  const WordPiece* const wordpiece_;  // the model, where words are cut as Bert does it: without a virtual call a word
  const bool asks_for_start_;
  // Whether a text may be cut before any blank and tokenized part by part. A token that is looked for in the normalized text may go
  // on there.
  const bool works_in_slices_;
  const SequenceTemplates templates_;
  const std::size_t vocabulary_size_;
  const std::size_t model_max_length_;
};

// Calls visit(piece) for the added tokens and what lies between them, in order, until the output is full: an id, or a text.
template <typename VisitText>
void for_each_part(const AddedTokens& tokens, Piece text, Output& output, VisitText visit_text) {
  AddedTokenReader reader(tokens, text.text);
  while (!output.full()) {
    const auto part = reader.next();
    if (!part) return;
    if (part->token != nullptr) {
      output.ids.push_back(part->token->id);
    } else {
      visit_text(Piece{part->text, text.starts_text && part->text.data() == text.text.data()});
    }
  }
}

// The first `wanted` ids of the text without special tokens, and one or some more where there are more.
Output TokenizerPipeline::ids_of(std::string_view text, std::size_t wanted) const {
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

TokenizedText TokenizerPipeline::tokenize(std::string_view text, std::size_t max_tokens) const {
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

TokenizedText TokenizerPipeline::tokenize_content(std::string_view text, std::size_t max_tokens) const {
  const std::size_t limit = max_tokens == 0 ? text.max_size() : max_tokens;
  TokenizedText result;
  result.ids = std::move(ids_of(text, limit).ids);
  result.truncated = result.ids.size() > limit;
  if (result.truncated) result.ids.resize(limit);
  return result;
}

TokenizedText TokenizerPipeline::tokenize_pair(std::string_view first, std::string_view second, std::size_t max_tokens) const {
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

void TokenizerPipeline::append_text(std::string_view text, Output& output) const {
  for_each_part(raw_tokens_, {text, true}, output, [&](Piece part) { append_ordinary(part, output); });
}

// In slices that end before a blank, where no word and no run of combining marks goes on.
void TokenizerPipeline::append_ordinary(Piece text, Output& output) const {
  while (!text.text.empty() && !output.full()) {
    const std::size_t end = works_in_slices_ ? std::min(text.text.find(' ', kSliceBytes), text.text.size()) : text.text.size();
    append_slice({text.text.substr(0, end), text.starts_text}, output);
    text = {text.text.substr(end), false};
  }
}

void TokenizerPipeline::append_slice(Piece text, Output& output) const {
  const bool starts_text = text.starts_text && !(asks_for_start_ && normalizer_.moves_start(text.text));
  const Piece normalized{normalizer_.normalize(text.text, output.normalized, output.spare), starts_text};
  for_each_part(normalized_tokens_, normalized, output, [&](Piece part) { append_words(part, output); });
}

void TokenizerPipeline::append_words(Piece normalized, Output& output) const {
  if (wordpiece_ == nullptr) {
    IdSink sink(*model_, output);
    pre_tokenizer_.split(normalized, output.pieces, sink);
    return;
  }
  std::size_t position = 0;
  while (!output.full()) {
    const std::string_view word = BertPreTokenizer::next_word(normalized.text, position);
    if (word.empty()) return;
    wordpiece_->append_ids(word, output.ids);
  }
}

Result<TokenizerSpec> read_spec(const std::filesystem::path& folder, const TokenizerConfig& config) {
  std::error_code ignored;  // what cannot be looked at is as good as absent
  const auto is_there = [&](std::string_view name) { return std::filesystem::exists(folder / name, ignored); };
  if (is_there("tokenizer.json")) return read_tokenizer_json(folder / "tokenizer.json", config);
  if (is_there("vocab.txt")) return read_vocab_txt(folder / "vocab.txt", config);
  if (is_there("vocab.json") && is_there("merges.txt"))
    return read_vocab_merges(folder / "vocab.json", folder / "merges.txt", config);
  return not_found(folder.string() + ": neither tokenizer.json, nor vocab.txt, nor vocab.json with merges.txt is there");
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> Tokenizer::load(const std::filesystem::path& folder) {
  const TokenizerConfig config = ORTHANT_TRY(read_tokenizer_config(folder / "tokenizer_config.json"));
  return std::make_unique<TokenizerPipeline>(ORTHANT_TRY(read_spec(folder, config)), config.model_max_length);
}

}  // namespace orthant
