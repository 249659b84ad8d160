#include "encoder/tokenizer/tokenizer_json.h"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "encoder/tokenizer/json_node.h"

namespace orthant {
namespace {

constexpr std::uintmax_t kMaxFileBytes = std::uintmax_t{64} << 20;
constexpr std::uint64_t kMaxId = std::numeric_limits<std::int32_t>::max();

Result<std::uint32_t> read_id(const JsonNode& node) {
  const std::uint64_t id = ORTHANT_TRY(node.number());
  if (id > kMaxId) return node.error(fmt::format("id {} is out of range", id));
  return static_cast<std::uint32_t>(id);
}

// The part's "type", if it is one of `supported`. An error of the reader's capability, not of the file.
Result<std::string_view> read_type(const JsonNode& part, std::initializer_list<std::string_view> supported) {
  const JsonNode type = ORTHANT_TRY(part.field("type"));
  const std::string_view name = ORTHANT_TRY(type.text());
  if (std::ranges::find(supported, name) != supported.end()) return name;
  std::unexpected<Error> refusal = type.error(fmt::format("found '{}', supported: {}", name, fmt::join(supported, ", ")));
  refusal.error().code = ErrorCode::kInvalidArgument;
  return refusal;
}

Result<bool> read_flag(const JsonNode& part, std::string_view key, bool absent) {
  const auto node = ORTHANT_TRY(part.find(key));
  if (!node) return absent;
  return node->boolean();
}

Result<BertNormalizerOptions> read_normalizer(const JsonNode& root) {
  const auto normalizer = ORTHANT_TRY(root.find("normalizer"));
  if (!normalizer)
    return BertNormalizerOptions{.clean_text = false, .handle_chinese_chars = false, .strip_accents = {}, .lowercase = false};
  ORTHANT_TRY(read_type(*normalizer, {"BertNormalizer"}));
  BertNormalizerOptions options;
  options.clean_text = ORTHANT_TRY(read_flag(*normalizer, "clean_text", true));
  options.handle_chinese_chars = ORTHANT_TRY(read_flag(*normalizer, "handle_chinese_chars", true));
  options.lowercase = ORTHANT_TRY(read_flag(*normalizer, "lowercase", true));
  const auto strip_accents = ORTHANT_TRY(normalizer->find("strip_accents"));
  if (strip_accents) options.strip_accents = ORTHANT_TRY(strip_accents->boolean());
  return options;
}

Result<std::vector<VocabularyEntry>> read_vocabulary(const JsonNode& vocab) {
  const auto members = ORTHANT_TRY(vocab.object());
  std::vector<VocabularyEntry> vocabulary;
  vocabulary.reserve(members.size());
  std::unordered_map<std::uint64_t, std::string_view> tokens_by_id;
  std::unordered_set<std::string_view> tokens;
  for (const auto member : members) {
    std::uint64_t id = 0;
    // The path is only worth its making when something is wrong.
    if (member.value.get_uint64().get(id) != simdjson::SUCCESS || id > kMaxId) {
      return std::unexpected(read_id(vocab.child(member.value, member.key)).error());
    }
    if (!tokens.insert(member.key).second) return vocab.error(fmt::format("token '{}' stands there twice", member.key));
    const auto [other, is_new] = tokens_by_id.emplace(id, member.key);
    if (!is_new) return vocab.error(fmt::format("'{}' and '{}' have the same id {}", other->second, member.key, id));
    vocabulary.push_back({std::string(member.key), static_cast<std::uint32_t>(id)});
  }
  return vocabulary;
}

Result<WordPieceSpec> read_model(const JsonNode& root) {
  const JsonNode model = ORTHANT_TRY(root.field("model"));
  ORTHANT_TRY(read_type(model, {"WordPiece"}));
  WordPieceSpec spec;
  const JsonNode unknown = ORTHANT_TRY(model.field("unk_token"));
  spec.unknown_token = ORTHANT_TRY(unknown.text());
  const JsonNode prefix = ORTHANT_TRY(model.field("continuing_subword_prefix"));
  spec.continuing_prefix = ORTHANT_TRY(prefix.text());
  const JsonNode max_chars = ORTHANT_TRY(model.field("max_input_chars_per_word"));
  spec.max_input_chars_per_word = ORTHANT_TRY(max_chars.number());
  const JsonNode vocab = ORTHANT_TRY(model.field("vocab"));
  spec.vocabulary = ORTHANT_TRY(read_vocabulary(vocab));
  if (std::ranges::find(spec.vocabulary, spec.unknown_token, &VocabularyEntry::token) == spec.vocabulary.end()) {
    return unknown.error(fmt::format("'{}' is not in the vocabulary", spec.unknown_token));
  }
  return spec;
}

Result<AddedToken> read_added_token(const JsonNode& node) {
  AddedToken token;
  const JsonNode content = ORTHANT_TRY(node.field("content"));
  token.content = ORTHANT_TRY(content.text());
  const JsonNode id = ORTHANT_TRY(node.field("id"));
  token.id = ORTHANT_TRY(read_id(id));
  token.single_word = ORTHANT_TRY(read_flag(node, "single_word", false));
  token.lstrip = ORTHANT_TRY(read_flag(node, "lstrip", false));
  token.rstrip = ORTHANT_TRY(read_flag(node, "rstrip", false));
  token.normalized = ORTHANT_TRY(read_flag(node, "normalized", false));
  return token;
}

// Hugging Face gives an added token the id that the vocabulary has for it, or the next one after all others, whatever the file
// says; a file that says otherwise would mean other ids here and there.
Result<std::vector<AddedToken>> read_added_tokens(const JsonNode& root, const std::vector<VocabularyEntry>& vocabulary) {
  const auto list = ORTHANT_TRY(root.find("added_tokens"));
  if (!list) return std::vector<AddedToken>();
  std::unordered_map<std::string_view, std::uint32_t> known;
  for (const VocabularyEntry& entry : vocabulary) known.emplace(entry.token, entry.id);
  std::unordered_set<std::string> new_contents;
  std::vector<AddedToken> tokens;
  std::uint64_t next_id = vocabulary.size();
  for (const auto element : ORTHANT_TRY(list->array())) {
    const JsonNode node = list->child(element, fmt::format("{}", tokens.size()));
    AddedToken token = ORTHANT_TRY(read_added_token(node));
    const auto entry = known.find(token.content);
    const std::uint64_t expected = entry != known.end() ? entry->second : next_id;
    if (token.id != expected) {
      return node.error(fmt::format("'{}' has the id {}, expected {}", token.content, token.id, expected));
    }
    if (entry == known.end()) {
      if (!new_contents.insert(token.content).second) return node.error(fmt::format("'{}' stands there twice", token.content));
      ++next_id;
    }
    tokens.push_back(std::move(token));
  }
  return tokens;
}

using Source = TemplatePart::Source;

Result<std::vector<std::uint32_t>> read_special_ids(const JsonNode& processor, std::string_view name) {
  const JsonNode all = ORTHANT_TRY(processor.field("special_tokens"));
  const JsonNode token = ORTHANT_TRY(all.field(name));
  const JsonNode list = ORTHANT_TRY(token.field("ids"));
  std::vector<std::uint32_t> ids;
  for (const auto element : ORTHANT_TRY(list.array())) ids.push_back(ORTHANT_TRY(read_id(list.child(element, "id"))));
  return ids;
}

// {"SpecialToken": {"id": "[CLS]", "type_id": 0}} or {"Sequence": {"id": "A", "type_id": 0}}.
Result<TemplatePart> read_template_part(const JsonNode& processor, const JsonNode& node, std::uint64_t max_type) {
  const auto text = ORTHANT_TRY(node.find("Sequence"));
  const JsonNode part = text ? *text : ORTHANT_TRY(node.field("SpecialToken"));
  const JsonNode type = ORTHANT_TRY(part.field("type_id"));
  const std::uint64_t type_id = ORTHANT_TRY(type.number());
  if (type_id > max_type) return type.error(fmt::format("found {}, supported: 0 to {}", type_id, max_type));
  const JsonNode id = ORTHANT_TRY(part.field("id"));
  const std::string_view name = ORTHANT_TRY(id.text());
  TemplatePart result{.type_id = static_cast<std::uint8_t>(type_id)};
  if (!text) {
    result.ids = ORTHANT_TRY(read_special_ids(processor, name));
  } else if (name == "A" || name == "B") {
    result.source = name == "A" ? Source::kFirst : Source::kSecond;
  } else {
    return id.error(fmt::format("found '{}', expected 'A' or 'B'", name));
  }
  return result;
}

Result<SequenceTemplate> read_template(const JsonNode& processor, std::string_view key, std::uint64_t max_type) {
  const JsonNode list = ORTHANT_TRY(processor.field(key));
  SequenceTemplate parts;
  for (const auto element : ORTHANT_TRY(list.array())) {
    const JsonNode node = list.child(element, fmt::format("{}", parts.size()));
    parts.push_back(ORTHANT_TRY(read_template_part(processor, node, max_type)));
  }
  const auto expect = [&](Source source, std::string_view name, std::ptrdiff_t times) -> Status {
    const auto found = std::ranges::count(parts, source, &TemplatePart::source);
    if (found != times) return list.error(fmt::format("the text '{}' stands there {} times, expected {}", name, found, times));
    return {};
  };
  ORTHANT_TRY(expect(Source::kFirst, "A", 1));
  ORTHANT_TRY(expect(Source::kSecond, "B", key == "pair" ? 1 : 0));
  return parts;
}

Result<SequenceTemplates> read_template_processing(const JsonNode& processor) {
  // A single text's segment is not asked for by anyone: it must be 0.
  return SequenceTemplates{.single = ORTHANT_TRY(read_template(processor, "single", 0)),
                           .pair = ORTHANT_TRY(read_template(processor, "pair", std::numeric_limits<std::uint8_t>::max()))};
}

// "cls": ["[CLS]", 101]
Result<std::uint32_t> read_token_pair(const JsonNode& processor, std::string_view key) {
  const JsonNode pair = ORTHANT_TRY(processor.field(key));
  const auto elements = ORTHANT_TRY(pair.array());
  simdjson::dom::element id;
  if (elements.size() != 2 || elements.at(1).get(id) != simdjson::SUCCESS) return pair.error("expected a token and its id");
  return read_id(pair.child(id, "1"));
}

Result<SequenceTemplates> read_post_processor(const JsonNode& root) {
  const auto processor = ORTHANT_TRY(root.find("post_processor"));
  if (!processor) return SequenceTemplates{};
  const auto type = ORTHANT_TRY(read_type(*processor, {"TemplateProcessing", "BertProcessing", "RobertaProcessing"}));
  if (type == "TemplateProcessing") return read_template_processing(*processor);
  const std::uint32_t start = ORTHANT_TRY(read_token_pair(*processor, "cls"));
  const std::uint32_t end = ORTHANT_TRY(read_token_pair(*processor, "sep"));
  return type == "BertProcessing" ? bert_templates(start, end) : roberta_templates(start, end);
}

// Ids that stand for nothing would leave the model's embedding table.
Status check_template(const JsonNode& root, const TokenizerSpec& spec) {
  std::unordered_set<std::uint32_t> known;
  for (const VocabularyEntry& entry : spec.model.vocabulary) known.insert(entry.id);
  for (const AddedToken& token : spec.added_tokens) known.insert(token.id);
  for (const auto* parts : {&spec.templates.single, &spec.templates.pair}) {
    for (const TemplatePart& part : *parts) {
      const auto unknown = std::ranges::find_if(part.ids, [&](std::uint32_t id) { return !known.contains(id); });
      if (unknown != part.ids.end()) return root.error(fmt::format("post_processor: id {} is not in the vocabulary", *unknown));
    }
  }
  return {};
}

Result<TokenizerSpec> read_spec(const JsonNode& root) {
  TokenizerSpec spec;
  // The model first: of all that can be unsupported, it tells the user most.
  spec.model = ORTHANT_TRY(read_model(root));
  spec.normalizer = ORTHANT_TRY(read_normalizer(root));
  const JsonNode pre_tokenizer = ORTHANT_TRY(root.field("pre_tokenizer"));
  ORTHANT_TRY(read_type(pre_tokenizer, {"BertPreTokenizer"}));
  spec.added_tokens = ORTHANT_TRY(read_added_tokens(root, spec.model.vocabulary));
  spec.templates = ORTHANT_TRY(read_post_processor(root));
  ORTHANT_TRY(check_template(root, spec));
  return spec;
}

}  // namespace

Result<TokenizerSpec> read_tokenizer_json(const std::filesystem::path& file) {
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(file, error);
  if (error) return io_error(fmt::format("{}: {}", file.string(), error.message()));
  if (bytes > kMaxFileBytes) {
    return invalid_argument(fmt::format("{}: {} bytes, at most {} are read", file.string(), bytes, kMaxFileBytes));
  }
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (const auto problem = parser.load(file.string()).get(root); problem != simdjson::SUCCESS) {
    return data_corruption(fmt::format("{}: not valid JSON: {}", file.string(), simdjson::error_message(problem)));
  }
  const std::string name = file.string();
  return read_spec(JsonNode(root, name, ""));
}

}  // namespace orthant
