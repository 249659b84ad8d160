#include "encoder/tokenizer/tokenizer_config.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <simdjson.h>

#include "base/whole_file.h"

namespace orthant {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::uintmax_t kMaxConfigBytes = std::uintmax_t{16} << 20;  // added_tokens_decoder can be long
constexpr double kMaxLength = 1e9;                                    // "no limit" is written as 1000000000000000019884624838656

Result<bool> read_flag(ondemand::object token, std::string_view key) {
  bool flag = false;
  const auto problem = token.find_field_unordered(key).get_bool().get(flag);
  if (problem == simdjson::NO_SUCH_FIELD) return false;
  if (problem != simdjson::SUCCESS) return data_corruption(fmt::format("{}: expected a boolean", key));
  return flag;
}

Result<AddedToken> read_added_token(std::string_view id, ondemand::object object) {
  AddedToken token;
  const auto [end, problem] = std::from_chars(id.data(), id.data() + id.size(), token.id);
  if (problem != std::errc{} || end != id.data() + id.size()) return data_corruption("expected a number for the id");
  std::string_view content;
  if (object.find_field_unordered("content").get_string().get(content) != simdjson::SUCCESS) {
    return data_corruption("content: expected a string");
  }
  token.content = content;
  token.single_word = ORTHANT_TRY(read_flag(object, "single_word"));
  token.lstrip = ORTHANT_TRY(read_flag(object, "lstrip"));
  token.rstrip = ORTHANT_TRY(read_flag(object, "rstrip"));
  token.normalized = ORTHANT_TRY(read_flag(object, "normalized"));
  token.special = ORTHANT_TRY(read_flag(object, "special"));
  return token;
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

  // {"7": {"content": "<x>", ...}, ...}; an absent or null one has none.
  Result<std::vector<AddedToken>> added_tokens(std::string_view key) {
    std::vector<AddedToken> tokens;
    auto value = find(key);
    if (value.error() == simdjson::NO_SUCH_FIELD || value.is_null()) return tokens;
    ondemand::object members;
    if (value.get_object().get(members) != simdjson::SUCCESS) return mismatch(key, "an object");
    for (auto member : members) {
      std::string_view id;
      ondemand::object token;
      if (member.unescaped_key().get(id) != simdjson::SUCCESS || member.value().get_object().get(token) != simdjson::SUCCESS) {
        return mismatch(key, "an object of objects");
      }
      const std::string id_text(id);  // the parser's next string takes its place
      auto read = read_added_token(id_text, token);
      if (!read) return with_context(fmt::format("{}: {}: {}", file_, key, id_text), read.error());
      tokens.push_back(std::move(*read));
    }
    std::ranges::sort(tokens, {}, &AddedToken::id);
    return tokens;
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
  config.add_prefix_space = ORTHANT_TRY(reader.flag("add_prefix_space"));
  config.added_tokens = ORTHANT_TRY(reader.added_tokens("added_tokens_decoder"));
  return config;
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
  TokenizerConfig config = ORTHANT_TRY(read_fields(ConfigReader(object, name)));
  config.file = name;
  return config;
}

void apply_flags(const TokenizerConfig& config, BertNormalizerOptions& options) {
  options.lowercase = config.do_lower_case.value_or(options.lowercase);
  options.handle_chinese_chars = config.tokenize_chinese_chars.value_or(options.handle_chinese_chars);
  options.strip_accents = config.strip_accents.value_or(options.strip_accents);
}

}  // namespace orthant
