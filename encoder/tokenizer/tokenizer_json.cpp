#include "encoder/tokenizer/tokenizer_json.h"

#include <algorithm>

#include <fmt/format.h>

#include "encoder/tokenizer/added_token_list.h"
#include "encoder/tokenizer/json_node.h"
#include "encoder/tokenizer/model_json.h"
#include "encoder/tokenizer/normalizer_json.h"
#include "encoder/tokenizer/post_processor_json.h"
#include "encoder/tokenizer/pre_tokenizer_json.h"

namespace orthant {
namespace {

constexpr std::uintmax_t kMaxFileBytes = std::uintmax_t{64} << 20;

Result<AddedToken> read_added_token(const JsonNode& node) {
  AddedToken token;
  token.content = ORTHANT_TRY(node.field_text("content"));
  const JsonNode id = ORTHANT_TRY(node.field("id"));
  token.id = ORTHANT_TRY(id.id());
  token.single_word = ORTHANT_TRY(node.field_flag_or("single_word", false));
  token.lstrip = ORTHANT_TRY(node.field_flag_or("lstrip", false));
  token.rstrip = ORTHANT_TRY(node.field_flag_or("rstrip", false));
  token.normalized = ORTHANT_TRY(node.field_flag_or("normalized", false));
  token.special = ORTHANT_TRY(node.field_flag_or("special", false));
  return token;
}

Result<std::vector<AddedToken>> read_added_tokens(const JsonNode& root, const TokenizerConfig& config,
                                                  const Vocabulary& vocabulary) {
  AddedTokenList tokens(vocabulary);
  if (ORTHANT_TRY(root.find("added_tokens"))) {
    ORTHANT_TRY(root.for_each("added_tokens", [&](const JsonNode& node) -> Status {
      const auto added = tokens.add(ORTHANT_TRY(read_added_token(node)));
      if (!added) return node.error(added.error());
      return {};
    }));
  }
  ORTHANT_TRY(tokens.add_missing(config));
  return tokens.take();
}

// Ids that stand for nothing would leave the model's embedding table.
Status check_templates(const JsonNode& root, const TokenizerSpec& spec) {
  const auto is_known = [&](std::uint32_t id) {
    const auto& vocabulary = vocabulary_of(spec.model);
    return std::ranges::find(vocabulary, id, &VocabularyEntry::id) != vocabulary.end() ||
           std::ranges::find(spec.added_tokens, id, &AddedToken::id) != spec.added_tokens.end();
  };
  for (const auto* parts : {&spec.templates.single, &spec.templates.pair}) {
    for (const TemplatePart& part : *parts) {
      const auto unknown = std::ranges::find_if_not(part.ids, is_known);
      if (unknown != part.ids.end()) return root.error(fmt::format("post_processor: id {} is not in the vocabulary", *unknown));
    }
  }
  return {};
}

Result<TokenizerSpec> read_spec(const JsonNode& root, const TokenizerConfig& config) {
  TokenizerSpec spec;
  // The model first: of all that can be unsupported, it tells the user most.
  const JsonNode model = ORTHANT_TRY(root.field("model"));
  spec.model = ORTHANT_TRY(read_model(model));
  if (const auto normalizer = ORTHANT_TRY(root.find("normalizer")))
    spec.normalizers = ORTHANT_TRY(read_normalizers(*normalizer, config));
  if (const auto pre_tokenizer = ORTHANT_TRY(root.find("pre_tokenizer"))) {
    spec.pre_tokenizers = ORTHANT_TRY(read_pre_tokenizers(*pre_tokenizer));
    spec.has_bert_pre_tokenizer = ORTHANT_TRY(pre_tokenizer->field_text("type")) == "BertPreTokenizer";
  }
  spec.added_tokens = ORTHANT_TRY(read_added_tokens(root, config, vocabulary_of(spec.model)));
  if (const auto processor = ORTHANT_TRY(root.find("post_processor")))
    spec.templates = ORTHANT_TRY(read_post_processor(*processor));
  ORTHANT_TRY(check_templates(root, spec));
  return spec;
}

}  // namespace

Result<TokenizerSpec> read_tokenizer_json(const std::filesystem::path& file, const TokenizerConfig& config) {
  const JsonFile json = ORTHANT_TRY(JsonFile::load(file, kMaxFileBytes));
  return read_spec(json.root(), config);
}

}  // namespace orthant
