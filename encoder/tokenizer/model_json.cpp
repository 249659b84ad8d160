#include "encoder/tokenizer/model_json.h"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "encoder/tokenizer/byte_pair.h"
#include "encoder/tokenizer/utf8.h"

namespace orthant {
namespace {

constexpr std::uint64_t kMaxId = std::numeric_limits<std::int32_t>::max();

bool contains(const Vocabulary& vocabulary, std::string_view token) {
  return std::ranges::find(vocabulary, token, &VocabularyEntry::token) != vocabulary.end();
}

// The unknown token, which must be in the vocabulary: a word may need it.
Result<std::string> read_unknown_token(const JsonNode& model, const Vocabulary& vocabulary) {
  const JsonNode unknown = ORTHANT_TRY(model.field("unk_token"));
  const std::string_view token = ORTHANT_TRY(unknown.text());
  if (!contains(vocabulary, token)) return unknown.error(fmt::format("'{}' is not in the vocabulary", token));
  return std::string(token);
}

Result<ModelSpec> read_wordpiece(const JsonNode& model) {
  WordPieceSpec spec;
  const JsonNode unknown = ORTHANT_TRY(model.field("unk_token"));
  ORTHANT_TRY(unknown.text());
  spec.continuing_prefix = ORTHANT_TRY(model.field_text("continuing_subword_prefix"));
  const JsonNode max_chars = ORTHANT_TRY(model.field("max_input_chars_per_word"));
  spec.max_input_chars_per_word = ORTHANT_TRY(max_chars.number());
  const JsonNode vocab = ORTHANT_TRY(model.field("vocab"));
  spec.vocabulary = ORTHANT_TRY(read_vocabulary(vocab));
  spec.unknown_token = ORTHANT_TRY(read_unknown_token(model, spec.vocabulary));
  return spec;
}

Result<ModelSpec> read_word_level(const JsonNode& model) {
  WordLevelSpec spec;
  const JsonNode vocab = ORTHANT_TRY(model.field("vocab"));
  spec.vocabulary = ORTHANT_TRY(read_vocabulary(vocab));
  spec.unknown_token = ORTHANT_TRY(read_unknown_token(model, spec.vocabulary));
  return spec;
}

struct TokenPair {
  std::string_view left, right;
};

// "left right" or ["left", "right"]; tokens with a blank inside need the second form.
Result<TokenPair> read_merge(const JsonNode& node) {
  if (!node.is_array()) {
    const std::string_view text = ORTHANT_TRY(node.text());
    const std::size_t blank = text.find(' ');
    if (blank == std::string_view::npos || text.find(' ', blank + 1) != std::string_view::npos) {
      return node.error(fmt::format("found '{}', expected two tokens with a blank between", text));
    }
    return TokenPair{text.substr(0, blank), text.substr(blank + 1)};
  }
  TokenPair pair;
  const auto elements = ORTHANT_TRY(node.array());
  const bool two_texts = elements.size() == 2 && elements.at(0).get_string().get(pair.left) == simdjson::SUCCESS &&
                         elements.at(1).get_string().get(pair.right) == simdjson::SUCCESS;
  if (!two_texts) return node.error("expected two tokens");
  return pair;
}

Result<std::vector<MergeSpec>> read_merges(const JsonNode& model, const MergeReader& reader) {
  const JsonNode list = ORTHANT_TRY(model.field("merges"));
  std::vector<MergeSpec> merges;
  for (const auto element : ORTHANT_TRY(list.array())) {
    // Its path is only worth its making when something is wrong.
    const auto pair = read_merge(JsonNode(element, "", ""));
    if (!pair) return std::unexpected(read_merge(list.child(element, std::to_string(merges.size()))).error());
    const auto merge = reader.read(pair->left, pair->right);
    if (!merge) return list.child(element, std::to_string(merges.size())).error(merge.error());
    merges.push_back(*merge);
  }
  return merges;
}

Result<ModelSpec> read_byte_pair(const JsonNode& model) {
  BytePairSpec spec;
  if (const auto dropout = ORTHANT_TRY(model.find("dropout")); dropout && ORTHANT_TRY(dropout->real()) != 0) {
    return dropout->refusal("a dropout is not supported: ids would be random");
  }
  spec.continuing_prefix = ORTHANT_TRY(model.field_text_or("continuing_subword_prefix", ""));
  spec.end_of_word_suffix = ORTHANT_TRY(model.field_text_or("end_of_word_suffix", ""));
  spec.fuse_unknown = ORTHANT_TRY(model.field_flag_or("fuse_unk", false));
  spec.byte_fallback = ORTHANT_TRY(model.field_flag_or("byte_fallback", false));
  spec.ignore_merges = ORTHANT_TRY(model.field_flag_or("ignore_merges", false));
  const JsonNode vocab = ORTHANT_TRY(model.field("vocab"));
  spec.vocabulary = ORTHANT_TRY(read_vocabulary(vocab));
  // Where every byte is a token, none is unknown, and the unknown token may be nonsense (in GPT-2's file it is empty).
  if (const auto unknown = ORTHANT_TRY(model.find("unk_token"))) {
    const std::string_view token = ORTHANT_TRY(unknown->text());
    const auto entry = std::ranges::find(spec.vocabulary, token, &VocabularyEntry::token);
    if (entry != spec.vocabulary.end()) {
      spec.unknown_id = entry->id;
    } else if (!BytePair::can_take_bytes(spec)) {
      return unknown->error(fmt::format("'{}' is not in the vocabulary", token));
    }
  }
  spec.merges = ORTHANT_TRY(read_merges(model, MergeReader(spec.vocabulary, spec.continuing_prefix)));
  return spec;
}

Result<ModelSpec> read_unigram(const JsonNode& model) {
  UnigramSpec spec;
  const JsonNode vocab = ORTHANT_TRY(model.field("vocab"));
  for (const auto element : ORTHANT_TRY(vocab.array())) {
    const auto position = static_cast<std::uint32_t>(spec.scores.size());
    std::string_view token;
    double score = 0;
    const bool token_and_score = element.is_array() && element.get_array().at(0).get_string().get(token) == simdjson::SUCCESS &&
                                 element.get_array().at(1).get_double().get(score) == simdjson::SUCCESS;
    if (!token_and_score) return vocab.child(element, std::to_string(position)).error("expected a token and its score");
    spec.vocabulary.push_back({std::string(token), position});
    spec.scores.push_back(score);
  }
  spec.byte_fallback = ORTHANT_TRY(model.field_flag_or("byte_fallback", false));
  const JsonNode unknown = ORTHANT_TRY(model.field("unk_id"));
  spec.unknown_id = ORTHANT_TRY(unknown.id());
  if (spec.unknown_id >= spec.scores.size()) {
    return unknown.error(
        fmt::format("found {}, expected less than {}, the size of the vocabulary", spec.unknown_id, spec.scores.size()));
  }
  return spec;
}

// Old files do not name the model; then its fields tell.
Result<std::string_view> model_type(const JsonNode& model) {
  if (ORTHANT_TRY(model.find("type"))) return model.type({"WordPiece", "BPE", "Unigram", "WordLevel"});
  if (ORTHANT_TRY(model.find("merges"))) return "BPE";
  if (ORTHANT_TRY(model.find("max_input_chars_per_word"))) return "WordPiece";
  const JsonNode vocab = ORTHANT_TRY(model.field("vocab"));
  return vocab.is_array() ? "Unigram" : "WordLevel";
}

}  // namespace

MergeReader::MergeReader(const Vocabulary& vocabulary, std::string_view prefix)
    : tokens_([&] {
        std::vector<TokenIndex::Entry> entries;
        for (const VocabularyEntry& entry : vocabulary) entries.push_back({entry.token, entry.id});
        return entries;
      }()),
      prefix_(prefix) {}

std::expected<MergeSpec, std::string> MergeReader::read(std::string_view left, std::string_view right) const {
  const auto unknown = [](std::string_view token) { return std::unexpected(fmt::format("'{}' is not in the vocabulary", token)); };
  MergeSpec merge{tokens_.find(left), tokens_.find(right), 0};
  if (merge.left == TokenIndex::kNone) return unknown(left);
  if (merge.right == TokenIndex::kNone) return unknown(right);
  // As many bytes are dropped as the prefix has characters, whatever the token begins with: so `tokenizers` does it.
  const std::size_t dropped = count_code_points(prefix_);
  if (dropped > right.size() || !begins_character(right, dropped)) {
    return std::unexpected(fmt::format("'{}' is shorter than the prefix '{}'", right, prefix_));
  }
  const std::string merged = std::string(left) + std::string(right.substr(dropped));
  merge.merged = tokens_.find(merged);
  if (merge.merged == TokenIndex::kNone) return unknown(merged);
  return merge;
}

Result<Vocabulary> read_vocabulary(const JsonNode& vocab) {
  const auto members = ORTHANT_TRY(vocab.object());
  Vocabulary vocabulary;
  vocabulary.reserve(members.size());
  std::unordered_map<std::uint64_t, std::string_view> tokens_by_id;
  std::unordered_set<std::string_view> tokens;
  for (const auto member : members) {
    std::uint64_t id = 0;
    // The path is only worth its making when something is wrong.
    if (member.value.get_uint64().get(id) != simdjson::SUCCESS || id > kMaxId) {
      return std::unexpected(vocab.child(member.value, member.key).id().error());
    }
    if (!tokens.insert(member.key).second) return vocab.error(fmt::format("token '{}' stands there twice", member.key));
    const auto [other, is_new] = tokens_by_id.emplace(id, member.key);
    if (!is_new) return vocab.error(fmt::format("'{}' and '{}' have the same id {}", other->second, member.key, id));
    vocabulary.push_back({std::string(member.key), static_cast<std::uint32_t>(id)});
  }
  return vocabulary;
}

Result<ModelSpec> read_model(const JsonNode& model) {
  const std::string_view type = ORTHANT_TRY(model_type(model));
  if (type == "WordPiece") return read_wordpiece(model);
  if (type == "BPE") return read_byte_pair(model);
  if (type == "Unigram") return read_unigram(model);
  return read_word_level(model);
}

}  // namespace orthant
