#include "engine/payload/text_analyzer.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <map>
#include <memory>
#include <utility>

#include <utf8proc.h>

#include "engine/payload/stemmer.h"

namespace orthant {
namespace {

// Letters that are no ASCII letter with a mark.
constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kSpelled = {{
    {"\xC3\x9F", "ss"},
    {"\xC3\xA6", "ae"},
    {"\xC3\x86", "AE"},
    {"\xC5\x93", "oe"},
    {"\xC5\x92", "OE"},
    {"\xC3\xB8", "o"},
    {"\xC3\x98", "O"},
    {"\xC4\x91", "d"},
    {"\xC4\x90", "D"},
    {"\xC3\xB0", "d"},
    {"\xC3\xBE", "th"},
    {"\xC5\x82", "l"},
    {"\xC5\x81", "L"},
    {"\xC4\xB1", "i"},
}};

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string fold(const std::string& word) {
  utf8proc_uint8_t* mapped = nullptr;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_STRIPMARK | UTF8PROC_COMPAT);
  const auto length = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(word.data()),
                                   static_cast<utf8proc_ssize_t>(word.size()), &mapped, options);
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  if (length < 0) return word;
  std::string folded(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(length));
  for (const auto& [letter, spelled] : kSpelled) {
    for (std::size_t at = folded.find(letter); at != std::string::npos; at = folded.find(letter, at + spelled.size())) {
      folded.replace(at, letter.size(), spelled);
    }
  }
  return folded;
}

// A stemmer serves one thread at a time, so every thread has its own. Languages were checked when the index was made.
std::string stem(const std::string& language, const std::string& word) {
  thread_local std::map<std::string, std::optional<Stemmer>> stemmers;
  auto found = stemmers.find(language);
  if (found == stemmers.end()) {
    auto made = Stemmer::make(language);
    found = stemmers.emplace(language, made ? std::optional(std::move(*made)) : std::nullopt).first;
  }
  return found->second ? found->second->stem(word) : word;
}

bool begins_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
}

// Calls visit(bytes) for every beginning of `word`, with its length in characters; until it returns false.
template <typename Visit>
void visit_beginnings(std::string_view word, Visit&& visit) {
  std::uint32_t characters = 0;
  for (std::size_t end = 1; end <= word.size(); ++end) {
    if (end < word.size() && !begins_character(word[end])) continue;
    if (!visit(word.substr(0, end), ++characters)) return;
  }
}

}  // namespace

TextAnalyzer::TextAnalyzer(TextOptions options) : options_(std::move(options)) {
  if (options_.tokenizer == TextTokenizer::kWhitespace) break_ = WordBreak::kWhitespace;
  if (options_.tokenizer == TextTokenizer::kMultilingual) break_ = WordBreak::kScripts;
  for (std::string& word : options_.stopwords) {
    WordTokens tokens(word, WordBreak::kWhitespace, options_.lowercase);
    std::string plain;
    if (tokens.next(plain)) word = options_.ascii_folding ? fold(plain) : plain;
  }
  std::ranges::sort(options_.stopwords);
}

bool TextAnalyzer::next_word(WordTokens& tokens, std::string& word) const {
  while (tokens.next(word)) {
    if (options_.ascii_folding && !is_ascii(word)) word = fold(word);
    if (std::ranges::binary_search(options_.stopwords, word)) continue;
    if (!options_.stemmer.empty()) word = stem(options_.stemmer, word);
    return true;
  }
  return false;
}

bool TextAnalyzer::has_wanted_length(std::string_view token) const {
  if (!options_.min_token_length && !options_.max_token_length) return true;
  const auto characters = static_cast<std::uint32_t>(std::ranges::count_if(token, begins_character));
  return characters >= options_.min_token_length.value_or(0) &&
         characters <= options_.max_token_length.value_or(std::numeric_limits<std::uint32_t>::max());
}

void TextAnalyzer::visit_tokens(std::string_view text, const Visit& visit) const {
  WordTokens tokens(text, break_, options_.lowercase);
  const std::uint32_t least = options_.min_token_length.value_or(1);
  const std::uint32_t most = options_.max_token_length.value_or(std::numeric_limits<std::uint32_t>::max());
  bool more = true;
  for (std::string word; more && next_word(tokens, word);) {
    if (options_.tokenizer != TextTokenizer::kPrefix) {
      if (has_wanted_length(word)) more = visit(word);
      continue;
    }
    visit_beginnings(word, [&](std::string_view beginning, std::uint32_t characters) {
      if (characters >= least && characters <= most) more = visit(std::string(beginning));
      return more && characters < most;
    });
  }
}

std::vector<std::string> TextAnalyzer::query_tokens(std::string_view text) const {
  if (options_.tokenizer != TextTokenizer::kPrefix) return words(text);
  std::vector<std::string> found;
  WordTokens tokens(text, break_, options_.lowercase);
  const std::uint32_t most = options_.max_token_length.value_or(std::numeric_limits<std::uint32_t>::max());
  for (std::string word; next_word(tokens, word);) {
    std::string_view longest;
    visit_beginnings(word, [&](std::string_view beginning, std::uint32_t characters) {
      longest = beginning;
      return characters < most;
    });
    found.emplace_back(longest);
  }
  return found;
}

std::vector<std::string> TextAnalyzer::words(std::string_view text) const {
  std::vector<std::string> found;
  WordTokens tokens(text, break_, options_.lowercase);
  const bool any_length = options_.tokenizer == TextTokenizer::kPrefix;
  for (std::string word; next_word(tokens, word);) {
    if (any_length || has_wanted_length(word)) found.push_back(word);
  }
  return found;
}

}  // namespace orthant
