#include "engine/bm25.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include <fmt/format.h>

#include "base/ascii_case.h"
#include "base/murmur3.h"
#include "engine/payload/stemmer.h"
#include "engine/payload/stop_words.h"

namespace orthant {
namespace {

constexpr std::string_view kNoLanguage = "none";

std::uint32_t index_of(std::string_view word) {
  const auto hash = static_cast<std::int32_t>(murmur3_32(word));
  return hash < 0 ? 0U - static_cast<std::uint32_t>(hash) : static_cast<std::uint32_t>(hash);
}

std::size_t character_count(std::string_view word) {
  return static_cast<std::size_t>(
      std::ranges::count_if(word, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

Status check_number(std::string_view name, double value, double least) {
  if (std::isfinite(value) && value >= least) return {};
  return invalid_argument(fmt::format("options.{}: {}, expected a number of at least {}", name, value, least));
}

// Words by index, so that the indices ascend; two words of one index are one.
SparseVector vector_of(const std::map<std::uint32_t, double>& weights) {
  SparseVector vector;
  for (const auto& [index, weight] : weights) {
    vector.indices.push_back(index);
    vector.values.push_back(static_cast<float>(weight));
  }
  return vector;
}

}  // namespace

bool is_bm25(std::string_view model) {
  return equal_ignoring_case(model, "qdrant/bm25") || equal_ignoring_case(model, "bm25");
}

Result<Bm25> Bm25::make(Bm25Options options) {
  ORTHANT_TRY(check_number("k", options.k, 0));
  ORTHANT_TRY(check_number("b", options.b, 0));
  ORTHANT_TRY(check_number("avg_len", options.avg_len, std::numeric_limits<double>::min()));
  std::string stemmer = options.stemmer.value_or(options.language == kNoLanguage ? "" : options.language);
  if (!stemmer.empty()) {
    if (const auto known = Stemmer::make(stemmer); !known) return with_context("options.stemmer", known.error());
  }
  std::vector<std::string> languages;
  if (options.default_stop_words) languages = options.stop_word_languages;
  if (options.default_stop_words && languages.empty() && options.language != kNoLanguage) languages = {options.language};
  for (const std::string& language : languages) {
    const auto words = stop_words(language);
    if (words.empty()) {
      return invalid_argument(fmt::format("options: no stop words are known of `{}`, only of {}; name them in `stopwords`",
                                          language, stop_word_languages()));
    }
    options.text.stopwords.insert(options.text.stopwords.end(), words.begin(), words.end());
  }
  TextOptions text = options.text;
  text.min_token_length.reset();
  text.max_token_length.reset();
  return Bm25(std::move(options), TextAnalyzer(std::move(text)), std::move(stemmer));
}

std::vector<std::string> Bm25::words(std::string_view text) const {
  std::vector<std::string> words;
  if (options_.text.tokenizer == TextTokenizer::kPrefix) {
    analyzer_.visit_tokens(text, [&words](const std::string& token) {
      words.push_back(token);
      return true;
    });
  } else {
    words = analyzer_.words(text);
  }
  if (!stemmer_.empty()) {
    Stemmer stemmer = std::move(*Stemmer::make(stemmer_));  // make() has tried it
    for (std::string& word : words) word = stemmer.stem(word);
  }
  const std::size_t least = options_.text.min_token_length.value_or(1);
  const std::size_t most = options_.text.max_token_length.value_or(std::numeric_limits<std::uint32_t>::max());
  std::erase_if(words, [least, most](const std::string& word) {
    const std::size_t length = character_count(word);
    return length < least || length > most;
  });
  return words;
}

SparseVector Bm25::encode_document(std::string_view text) const {
  const std::vector<std::string> found = words(text);
  std::map<std::uint32_t, double> counts;
  for (const std::string& word : found) counts[index_of(word)] += 1;
  const double length = static_cast<double>(found.size()) / options_.avg_len;
  for (auto& [index, count] : counts) {
    count = count * (options_.k + 1) / (count + options_.k * (1 - options_.b + options_.b * length));
  }
  return vector_of(counts);
}

SparseVector Bm25::encode_query(std::string_view text) const {
  std::map<std::uint32_t, double> weights;
  for (const std::string& word : words(text)) weights[index_of(word)] = 1;
  return vector_of(weights);
}

}  // namespace orthant
