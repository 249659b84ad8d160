#include "encoder/tokenizer/vocabulary_files.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "base/whole_file.h"
#include "encoder/tokenizer/added_token_list.h"
#include "encoder/tokenizer/byte_pair.h"
#include "encoder/tokenizer/model_json.h"
#include "encoder/tokenizer/utf8.h"

namespace orthant {
namespace {

constexpr std::uintmax_t kMaxVocabularyBytes = std::uintmax_t{64} << 20;

Result<Vocabulary> read_lines(const std::string& content, const std::string& file) {
  Vocabulary vocabulary;
  for (std::size_t begin = 0; begin < content.size();) {
    const std::size_t end = std::min(content.find('\n', begin), content.size());
    std::string_view token = std::string_view(content).substr(begin, end - begin);
    if (token.ends_with('\r')) token.remove_suffix(1);
    if (!is_valid_utf8(token)) return data_corruption(fmt::format("{}: line {} is not UTF-8", file, vocabulary.size() + 1));
    vocabulary.push_back({std::string(token), static_cast<std::uint32_t>(vocabulary.size())});
    begin = end + 1;
  }
  return vocabulary;
}

// The config's added tokens after those that are there.
Status add_config_tokens(const Vocabulary& vocabulary, const TokenizerConfig& config, std::vector<AddedToken>& tokens) {
  AddedTokenList list(vocabulary);
  for (AddedToken& token : tokens) {
    if (const auto added = list.add(std::move(token)); !added) return data_corruption(added.error());
  }
  ORTHANT_TRY(list.add_missing(config));
  tokens = list.take();
  return {};
}

// Lines of two tokens; a first line that begins with "#version" is none.
Result<std::vector<MergeSpec>> read_merge_lines(std::string_view content, const std::string& file, const MergeReader& reader) {
  std::vector<MergeSpec> merges;
  for (std::size_t line = 1; !content.empty(); ++line) {
    const std::size_t end = std::min(content.find('\n'), content.size());
    std::string_view text = content.substr(0, end);
    content.remove_prefix(std::min(end + 1, content.size()));
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (text.starts_with("#version") || text.empty()) continue;
    const std::size_t blank = text.find(' ');
    if (!is_valid_utf8(text) || blank == std::string_view::npos || text.find(' ', blank + 1) != std::string_view::npos) {
      return data_corruption(fmt::format("{}: line {}: expected two tokens with a blank between", file, line));
    }
    const auto merge = reader.read(text.substr(0, blank), text.substr(blank + 1));
    if (!merge) return data_corruption(fmt::format("{}: line {}: {}", file, line, merge.error()));
    merges.push_back(*merge);
  }
  return merges;
}

const VocabularyEntry* find_token(const Vocabulary& vocabulary, const std::optional<std::string>& named, std::string_view usual) {
  const auto entry = std::ranges::find(vocabulary, named ? std::string_view(*named) : usual, &VocabularyEntry::token);
  return entry == vocabulary.end() ? nullptr : &*entry;
}

}  // namespace

Result<TokenizerSpec> read_vocab_txt(const std::filesystem::path& file, const TokenizerConfig& config) {
  const std::string name = file.string();
  const std::string content = ORTHANT_TRY(read_whole_file(file, kMaxVocabularyBytes));
  TokenizerSpec spec;
  WordPieceSpec model;
  model.vocabulary = ORTHANT_TRY(read_lines(content, name));
  std::unordered_map<std::string_view, std::uint32_t> ids;
  for (const VocabularyEntry& entry : model.vocabulary) {
    if (!ids.emplace(entry.token, entry.id).second) {
      return data_corruption(fmt::format("{}: line {}: token '{}' stands there twice", name, entry.id + 1, entry.token));
    }
  }
  const auto add = [&](const std::optional<std::string>& token, std::string_view usual) -> Result<std::uint32_t> {
    const std::string content_of_token = token.value_or(std::string(usual));
    const auto entry = ids.find(content_of_token);
    if (entry == ids.end()) return data_corruption(fmt::format("{}: special token '{}' is missing", name, content_of_token));
    spec.added_tokens.push_back({.content = content_of_token, .id = entry->second, .special = true});
    return entry->second;
  };
  model.unknown_token = config.unknown_token.value_or("[UNK]");
  ORTHANT_TRY(add(config.unknown_token, "[UNK]"));
  ORTHANT_TRY(add(config.padding_token, "[PAD]"));
  ORTHANT_TRY(add(config.mask_token, "[MASK]"));
  const std::uint32_t start = ORTHANT_TRY(add(config.class_token, "[CLS]"));
  spec.templates = bert_templates(start, ORTHANT_TRY(add(config.separator_token, "[SEP]")));
  ORTHANT_TRY(add_config_tokens(model.vocabulary, config, spec.added_tokens));
  BertNormalizerOptions options;
  apply_flags(config, options);
  spec.normalizers.push_back(make_bert_normalizer(options));
  spec.pre_tokenizers.push_back(make_bert_step());
  spec.has_bert_pre_tokenizer = true;
  spec.model = std::move(model);
  return spec;
}

Result<TokenizerSpec> read_vocab_merges(const std::filesystem::path& vocabulary, const std::filesystem::path& merges,
                                        const TokenizerConfig& config) {
  TokenizerSpec spec;
  BytePairSpec model;
  const JsonFile json = ORTHANT_TRY(JsonFile::load(vocabulary, kMaxVocabularyBytes));
  model.vocabulary = ORTHANT_TRY(read_vocabulary(json.root()));
  const std::string lines = ORTHANT_TRY(read_whole_file(merges, kMaxVocabularyBytes));
  model.merges = ORTHANT_TRY(read_merge_lines(lines, merges.string(), MergeReader(model.vocabulary, "")));
  if (!BytePair::can_take_bytes(model)) return data_corruption(vocabulary.string() + ": not every byte has a token");
  const VocabularyEntry* start = find_token(model.vocabulary, config.class_token, "<s>");
  const VocabularyEntry* end = find_token(model.vocabulary, config.separator_token, "</s>");
  if (start != nullptr && end != nullptr) spec.templates = roberta_templates(start->id, end->id);
  const auto add = [&](const VocabularyEntry* entry, bool lstrip) {
    if (entry != nullptr)
      spec.added_tokens.push_back({.content = entry->token, .id = entry->id, .lstrip = lstrip, .special = true});
  };
  add(start, false);
  add(end, false);
  add(find_token(model.vocabulary, config.unknown_token, "<unk>"), false);
  add(find_token(model.vocabulary, config.padding_token, "<pad>"), false);
  add(find_token(model.vocabulary, config.mask_token, "<mask>"), true);
  ORTHANT_TRY(add_config_tokens(model.vocabulary, config, spec.added_tokens));
  spec.pre_tokenizers.push_back(make_byte_level_step(config.add_prefix_space.value_or(false), true));
  spec.model = std::move(model);
  return spec;
}

}  // namespace orthant
