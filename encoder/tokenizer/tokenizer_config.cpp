#include "encoder/tokenizer/tokenizer_config.h"

#include <fstream>
#include <unordered_map>

#include <fmt/format.h>
#include <simdjson.h>

#include "encoder/tokenizer/utf8.h"

namespace orthant {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::uintmax_t kMaxConfigBytes = std::uintmax_t{16} << 20;  // added_tokens_decoder can be long
constexpr std::uintmax_t kMaxVocabularyBytes = std::uintmax_t{64} << 20;
constexpr double kMaxLength = 1e9;  // "no limit" is written as 1000000000000000019884624838656

Result<std::string> read_whole_file(const std::filesystem::path& file, std::uintmax_t max_bytes) {
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(file, error);
  if (error) return io_error(fmt::format("{}: {}", file.string(), error.message()));
  if (bytes > max_bytes) return invalid_argument(fmt::format("{}: {} bytes, at most {} are read", file.string(), bytes, max_bytes));
  std::ifstream in(file, std::ios::binary);
  std::string content(bytes, '\0');
  if (!in.read(content.data(), static_cast<std::streamsize>(bytes))) return io_error(file.string() + ": reading failed");
  return content;
}

// Values of the config, each read only if it is asked for: numbers past 64 bits are legal in the rest of the file.
class ConfigReader {
 public:
  ConfigReader(ondemand::object object, std::string_view file) : object_(object), file_(file) {}

  // Outer nothing: absent. Inner nothing: null.
  Result<std::optional<std::optional<bool>>> nullable_flag(std::string_view key) {
    auto value = find(key);
    if (value.error() == simdjson::NO_SUCH_FIELD) return std::nullopt;
    if (value.is_null()) return std::optional<bool>();
    bool flag = false;
    if (value.get_bool().get(flag) != simdjson::SUCCESS) return mismatch(key, "a boolean");
    return std::optional<bool>(flag);
  }

  Result<std::optional<bool>> flag(std::string_view key) { return ORTHANT_TRY(nullable_flag(key)).value_or(std::nullopt); }

  // As text, or as an object with its text as "content".
  Result<std::optional<std::string>> token(std::string_view key) {
    auto value = find(key);
    if (value.error() == simdjson::NO_SUCH_FIELD || value.is_null()) return std::nullopt;
    std::string_view text;
    if (value.type() == ondemand::json_type::object) {
      if (value["content"].get_string().get(text) != simdjson::SUCCESS) return mismatch(key, "a token with its content");
    } else if (value.get_string().get(text) != simdjson::SUCCESS) {
      return mismatch(key, "a string");
    }
    return std::string(text);
  }

  Result<std::size_t> length(std::string_view key) {
    auto value = find(key);
    if (value.error() == simdjson::NO_SUCH_FIELD || value.is_null()) return 0;
    double number = 0;
    if (value.get_double().get(number) != simdjson::SUCCESS || !(number >= 0)) return mismatch(key, "a length");
    return number > kMaxLength ? 0 : static_cast<std::size_t>(number);
  }

 private:
  simdjson::simdjson_result<ondemand::value> find(std::string_view key) { return object_.find_field_unordered(key); }
  std::unexpected<Error> mismatch(std::string_view key, std::string_view expected) const {
    return data_corruption(fmt::format("{}: {}: expected {}", file_, key, expected));
  }

  ondemand::object object_;
  std::string_view file_;
};

Result<TokenizerConfig> read_fields(ConfigReader reader) {
  TokenizerConfig config;
  config.model_max_length = ORTHANT_TRY(reader.length("model_max_length"));
  config.do_lower_case = ORTHANT_TRY(reader.flag("do_lower_case"));
  config.tokenize_chinese_chars = ORTHANT_TRY(reader.flag("tokenize_chinese_chars"));
  config.strip_accents = ORTHANT_TRY(reader.nullable_flag("strip_accents"));
  config.unknown_token = ORTHANT_TRY(reader.token("unk_token"));
  config.separator_token = ORTHANT_TRY(reader.token("sep_token"));
  config.padding_token = ORTHANT_TRY(reader.token("pad_token"));
  config.class_token = ORTHANT_TRY(reader.token("cls_token"));
  config.mask_token = ORTHANT_TRY(reader.token("mask_token"));
  return config;
}

Result<std::vector<VocabularyEntry>> read_lines(const std::string& content, const std::string& file) {
  std::vector<VocabularyEntry> vocabulary;
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

}  // namespace

Result<TokenizerConfig> read_tokenizer_config(const std::filesystem::path& file) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return TokenizerConfig{};
  const std::string name = file.string();
  simdjson::padded_string content(ORTHANT_TRY(read_whole_file(file, kMaxConfigBytes)));
  ondemand::parser parser;
  ondemand::document document;
  ondemand::object object;
  auto problem = parser.iterate(content).get(document);
  if (problem == simdjson::SUCCESS) problem = document.get_object().get(object);
  if (problem != simdjson::SUCCESS) {
    return data_corruption(fmt::format("{}: not a JSON object: {}", name, simdjson::error_message(problem)));
  }
  return read_fields(ConfigReader(object, name));
}

Result<TokenizerSpec> read_vocab_txt(const std::filesystem::path& file, const TokenizerConfig& config) {
  const std::string name = file.string();
  const std::string content = ORTHANT_TRY(read_whole_file(file, kMaxVocabularyBytes));
  TokenizerSpec spec;
  spec.model.vocabulary = ORTHANT_TRY(read_lines(content, name));
  std::unordered_map<std::string_view, std::uint32_t> ids;
  for (const VocabularyEntry& entry : spec.model.vocabulary) {
    if (!ids.emplace(entry.token, entry.id).second) {
      return data_corruption(fmt::format("{}: line {}: token '{}' stands there twice", name, entry.id + 1, entry.token));
    }
  }
  const auto add = [&](const std::optional<std::string>& token, std::string_view usual) -> Result<std::uint32_t> {
    const std::string content_of_token = token.value_or(std::string(usual));
    const auto entry = ids.find(content_of_token);
    if (entry == ids.end()) return data_corruption(fmt::format("{}: special token '{}' is missing", name, content_of_token));
    spec.added_tokens.push_back({.content = content_of_token, .id = entry->second});
    return entry->second;
  };
  spec.model.unknown_token = config.unknown_token.value_or("[UNK]");
  ORTHANT_TRY(add(config.unknown_token, "[UNK]"));
  ORTHANT_TRY(add(config.padding_token, "[PAD]"));
  ORTHANT_TRY(add(config.mask_token, "[MASK]"));
  const std::uint32_t start = ORTHANT_TRY(add(config.class_token, "[CLS]"));
  spec.templates = bert_templates(start, ORTHANT_TRY(add(config.separator_token, "[SEP]")));
  return spec;
}

void apply_flags(const TokenizerConfig& config, BertNormalizerOptions& options) {
  options.lowercase = config.do_lower_case.value_or(options.lowercase);
  options.handle_chinese_chars = config.tokenize_chinese_chars.value_or(options.handle_chinese_chars);
  options.strip_accents = config.strip_accents.value_or(options.strip_accents);
}

}  // namespace orthant
