#include "encoder/tokenizer/normalizer_json.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "encoder/tokenizer/precompiled.h"

namespace orthant {
namespace {

using Steps = std::vector<std::unique_ptr<Normalizer>>;

Result<std::unique_ptr<Normalizer>> read_bert(const JsonNode& node, const TokenizerConfig* config) {
  BertNormalizerOptions options;
  options.clean_text = ORTHANT_TRY(node.field_flag_or("clean_text", true));
  options.handle_chinese_chars = ORTHANT_TRY(node.field_flag_or("handle_chinese_chars", true));
  options.lowercase = ORTHANT_TRY(node.field_flag_or("lowercase", true));
  if (const auto strip_accents = ORTHANT_TRY(node.find("strip_accents")))
    options.strip_accents = ORTHANT_TRY(strip_accents->boolean());
  if (config != nullptr) apply_flags(*config, options);
  return make_bert_normalizer(options);
}

// The bytes that base64 text stands for; nothing where it is none.
std::optional<std::string> decode_base64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<std::uint8_t, 256> values;
  values.fill(64);
  for (std::size_t i = 0; i < kDigits.size(); ++i) values[static_cast<std::uint8_t>(kDigits[i])] = static_cast<std::uint8_t>(i);
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string bytes;
  std::uint32_t pending = 0;
  int pending_bits = 0;
  for (const char digit : text) {
    const std::uint8_t value = values[static_cast<std::uint8_t>(digit)];
    if (value == 64) return std::nullopt;
    pending = pending << 6 | value;
    pending_bits += 6;
    if (pending_bits < 8) continue;
    pending_bits -= 8;
    bytes.push_back(static_cast<char>(pending >> pending_bits));
  }
  return bytes;
}

Result<std::unique_ptr<Normalizer>> read_precompiled(const JsonNode& node) {
  const JsonNode field = ORTHANT_TRY(node.field("precompiled_charsmap"));
  const auto bytes = decode_base64(ORTHANT_TRY(field.text()));
  if (!bytes) return field.error("not base64");
  auto step = make_precompiled(*bytes);
  if (!step) return field.error(step.error().message);
  return step;
}

Result<std::unique_ptr<Normalizer>> read_replace(const JsonNode& node) {
  const JsonNode pattern = ORTHANT_TRY(node.field("pattern"));
  const std::string_view content = ORTHANT_TRY(node.field_text("content"));
  auto compiled = ORTHANT_TRY(read_pattern(pattern));
  return make_replace(std::move(compiled), std::string(content));
}

Result<std::unique_ptr<Normalizer>> read_step(const JsonNode& node, std::string_view type, const TokenizerConfig* config) {
  if (type == "BertNormalizer") return read_bert(node, config);
  if (type == "NFC") return make_unicode_normalizer(NormalizationForm::kNfc);
  if (type == "NFD") return make_unicode_normalizer(NormalizationForm::kNfd);
  if (type == "NFKC") return make_unicode_normalizer(NormalizationForm::kNfkc);
  if (type == "NFKD") return make_unicode_normalizer(NormalizationForm::kNfkd);
  if (type == "Lowercase") return make_lowercase();
  if (type == "StripAccents") return make_strip_accents();
  if (type == "Nmt") return make_nmt();
  if (type == "ByteLevel") return make_byte_level();
  if (type == "Precompiled") return read_precompiled(node);
  if (type == "Replace") return read_replace(node);
  if (type == "Prepend") return make_prepend(std::string(ORTHANT_TRY(node.field_text("prepend"))));
  return make_strip(ORTHANT_TRY(node.field_flag("strip_left")), ORTHANT_TRY(node.field_flag("strip_right")));
}

// `config` is null inside sequences.
Status append_steps(const JsonNode& node, const TokenizerConfig* config, Steps& steps) {
  const std::string_view type =
      ORTHANT_TRY(node.type({"Sequence", "BertNormalizer", "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Strip",
                             "Replace", "Prepend", "Precompiled", "Nmt", "ByteLevel"}));
  if (type == "Sequence") {
    return node.for_each("normalizers", [&](const JsonNode& part) { return append_steps(part, nullptr, steps); });
  }
  steps.push_back(ORTHANT_TRY(read_step(node, type, config)));
  return {};
}

}  // namespace

Result<std::unique_ptr<Pattern>> read_pattern(const JsonNode& pattern) {
  if (const auto text = ORTHANT_TRY(pattern.find("String"))) return make_string_pattern(std::string(ORTHANT_TRY(text->text())));
  const JsonNode expression = ORTHANT_TRY(pattern.field("Regex"));
  auto compiled = make_regex_pattern(std::string(ORTHANT_TRY(expression.text())));
  if (!compiled) return expression.error(compiled.error().message);
  return compiled;
}

Result<Steps> read_normalizers(const JsonNode& normalizer, const TokenizerConfig& config) {
  Steps steps;
  ORTHANT_TRY(append_steps(normalizer, &config, steps));
  return steps;
}

}  // namespace orthant
