#include "encoder/tokenizer/pre_tokenizer_json.h"

#include <fmt/format.h>

#include "encoder/tokenizer/normalizer_json.h"
#include "encoder/tokenizer/utf8.h"

namespace orthant {
namespace {

using Steps = std::vector<std::unique_ptr<SplitStep>>;

Result<SplitBehavior> read_behavior(const JsonNode& node, std::string_view absent) {
  const std::string_view name = ORTHANT_TRY(node.field_text_or("behavior", absent));
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  return node.error(
      fmt::format("behavior: found '{}', expected Isolated, Removed, MergedWithPrevious, MergedWithNext or Contiguous", name));
}

Result<std::string_view> read_character(const JsonNode& node, std::string_view key, std::string_view absent) {
  const std::string_view text = ORTHANT_TRY(node.field_text_or(key, absent));
  if (count_code_points(text) != 1) return node.error(fmt::format("{}: found '{}', expected one character", key, text));
  return text;
}

// Old files say add_prefix_space instead of prepend_scheme.
Result<std::unique_ptr<SplitStep>> read_metaspace(const JsonNode& node) {
  const std::string_view replacement = ORTHANT_TRY(read_character(node, "replacement", "\xE2\x96\x81"));
  const bool prepends = ORTHANT_TRY(node.field_flag_or("add_prefix_space", true));
  const auto scheme = ORTHANT_TRY(node.find("prepend_scheme"));
  const bool split = ORTHANT_TRY(node.field_flag_or("split", true));
  const std::string_view name = scheme ? ORTHANT_TRY(scheme->text()) : prepends ? "always" : "never";
  if (scheme && !prepends && name != "never") {
    return scheme->error(fmt::format("found '{}', but add_prefix_space is false", name));
  }
  if (name == "always") return make_metaspace_step(std::string(replacement), PrependScheme::kAlways, split);
  if (name == "first") return make_metaspace_step(std::string(replacement), PrependScheme::kFirst, split);
  if (name == "never") return make_metaspace_step(std::string(replacement), PrependScheme::kNever, split);
  return scheme->error(fmt::format("found '{}', expected always, first or never", name));
}

Result<std::unique_ptr<SplitStep>> read_split(const JsonNode& node) {
  const JsonNode pattern = ORTHANT_TRY(node.field("pattern"));
  const SplitBehavior behavior = ORTHANT_TRY(read_behavior(node, ""));
  const bool invert = ORTHANT_TRY(node.field_flag_or("invert", false));
  return make_split_step(ORTHANT_TRY(read_pattern(pattern)), behavior, invert);
}

Result<std::unique_ptr<SplitStep>> read_byte_level(const JsonNode& node) {
  const bool prefix = ORTHANT_TRY(node.field_flag_or("add_prefix_space", true));
  return make_byte_level_step(prefix, ORTHANT_TRY(node.field_flag_or("use_regex", true)));
}

Result<std::unique_ptr<SplitStep>> read_delimiter_split(const JsonNode& node) {
  const std::string_view text = ORTHANT_TRY(read_character(node, "delimiter", ""));
  std::size_t position = 0;
  return make_delimiter_step(decode_code_point(text, position));
}

Result<std::unique_ptr<SplitStep>> read_fixed_length(const JsonNode& node) {
  const JsonNode length = ORTHANT_TRY(node.field("length"));
  const std::uint64_t characters = ORTHANT_TRY(length.number());
  if (characters == 0) return length.error("found 0, expected 1 or more");
  return make_fixed_length_step(characters);
}

Result<std::unique_ptr<SplitStep>> read_step(const JsonNode& node, std::string_view type) {
  if (type == "BertPreTokenizer") return make_bert_step();
  if (type == "ByteLevel") return read_byte_level(node);
  if (type == "Metaspace") return read_metaspace(node);
  if (type == "Whitespace") return make_whitespace_step();
  if (type == "WhitespaceSplit") return make_whitespace_split_step();
  if (type == "Punctuation") return make_punctuation_step(ORTHANT_TRY(read_behavior(node, "Isolated")));
  if (type == "Digits") return make_digits_step(ORTHANT_TRY(node.field_flag_or("individual_digits", false)));
  if (type == "Split") return read_split(node);
  if (type == "CharDelimiterSplit") return read_delimiter_split(node);
  return read_fixed_length(node);
}

Status append_steps(const JsonNode& node, Steps& steps) {
  const std::string_view type =
      ORTHANT_TRY(node.type({"Sequence", "BertPreTokenizer", "ByteLevel", "Metaspace", "Whitespace", "WhitespaceSplit",
                             "Punctuation", "Digits", "Split", "CharDelimiterSplit", "FixedLength"}));
  if (type == "Sequence") {
    return node.for_each("pretokenizers", [&](const JsonNode& part) { return append_steps(part, steps); });
  }
  steps.push_back(ORTHANT_TRY(read_step(node, type)));
  return {};
}

}  // namespace

Result<Steps> read_pre_tokenizers(const JsonNode& pre_tokenizer) {
  Steps steps;
  ORTHANT_TRY(append_steps(pre_tokenizer, steps));
  return steps;
}

}  // namespace orthant
