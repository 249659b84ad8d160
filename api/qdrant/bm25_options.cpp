#include "api/qdrant/bm25_options.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace orthant::qdrant {
namespace {

Result<TextTokenizer> parse_tokenizer(JsonValue value) {
  constexpr std::array<std::pair<std::string_view, TextTokenizer>, 4> kNames = {{{"word", TextTokenizer::kWord},
                                                                                 {"whitespace", TextTokenizer::kWhitespace},
                                                                                 {"prefix", TextTokenizer::kPrefix},
                                                                                 {"multilingual", TextTokenizer::kMultilingual}}};
  const std::string name = ORTHANT_TRY(value.as_string());
  for (const auto& [known, tokenizer] : kNames) {
    if (name == known) return tokenizer;
  }
  return value.format_error(
      fmt::format("unknown variant `{}`, expected one of `prefix`, `whitespace`, `word`, `multilingual`", name));
}

// A language; or languages and words of one's own.
Status parse_stop_words(JsonValue value, Bm25Options& options) {
  options.default_stop_words = false;
  if (value.is_string()) {
    options.default_stop_words = true;
    options.stop_word_languages = {ORTHANT_TRY(value.as_string())};
    return {};
  }
  ORTHANT_TRY(value.expect_object());
  if (const auto languages = value.find("languages")) {
    options.stop_word_languages = ORTHANT_TRY(languages->as_strings());
    options.default_stop_words = !options.stop_word_languages.empty();
  }
  if (const auto custom = value.find("custom")) options.text.stopwords = ORTHANT_TRY(custom->as_strings());
  return {};
}

// {"type": "snowball", "language": ..} or {"type": "none"}
Status parse_stemmer(JsonValue value, Bm25Options& options) {
  if (value.is_string()) {
    options.stemmer = ORTHANT_TRY(value.as_string());
    return {};
  }
  const JsonValue type = ORTHANT_TRY(value.require("type"));
  const std::string name = ORTHANT_TRY(type.as_string());
  if (name == "none") {
    options.stemmer = "";
    return {};
  }
  if (name != "snowball") return type.format_error(fmt::format("unknown variant `{}`, expected `snowball` or `none`", name));
  options.stemmer = ORTHANT_TRY(ORTHANT_TRY(value.require("language")).as_string());
  return {};
}

Result<std::optional<std::uint32_t>> find_length(JsonValue options, std::string_view name) {
  const auto length = ORTHANT_TRY(options.find_uint(name));
  if (!length) return std::optional<std::uint32_t>();
  return std::optional<std::uint32_t>(
      static_cast<std::uint32_t>(std::min<std::uint64_t>(*length, std::numeric_limits<std::uint32_t>::max())));
}

}  // namespace

Result<Bm25Options> parse_bm25_options(JsonValue given) {
  ORTHANT_TRY(given.expect_object());
  Bm25Options options;
  options.k = ORTHANT_TRY(given.find_double("k")).value_or(options.k);
  options.b = ORTHANT_TRY(given.find_double("b")).value_or(options.b);
  options.avg_len = ORTHANT_TRY(given.find_double("avg_len")).value_or(options.avg_len);
  options.language = ORTHANT_TRY(given.find_string("language")).value_or(options.language);
  options.text.lowercase = ORTHANT_TRY(given.find_bool("lowercase")).value_or(true);
  options.text.ascii_folding = ORTHANT_TRY(given.find_bool("ascii_folding")).value_or(false);
  options.text.min_token_length = ORTHANT_TRY(find_length(given, "min_token_len"));
  options.text.max_token_length = ORTHANT_TRY(find_length(given, "max_token_len"));
  if (const auto tokenizer = given.find("tokenizer")) options.text.tokenizer = ORTHANT_TRY(parse_tokenizer(*tokenizer));
  if (const auto words = given.find("stopwords")) ORTHANT_TRY(parse_stop_words(*words, options));
  if (const auto stemmer = given.find("stemmer")) ORTHANT_TRY(parse_stemmer(*stemmer, options));
  return options;
}

}  // namespace orthant::qdrant
