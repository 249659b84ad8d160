#include "encoder/tokenizer/word_pattern.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "encoder/tokenizer/unicode_tables.h"
#include "encoder/tokenizer/utf8.h"

namespace orthant {
namespace {

// GPT-4's and Llama 3's: words take any one character before them along, numbers have three digits at most, newlines end a run.
constexpr std::string_view kGpt4Expression =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kGpt4OldExpression =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)";
// As that, each digit alone.
constexpr std::string_view kQwen2Expression =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::uint8_t kWordClasses = kLetter | kNumber | kSpace;

// The classes of characters, and where the next one begins.
class ClassReader {
 public:
  ClassReader() : table_(unicode_tables().classes) {
    for (char32_t c = 0; c < 128; ++c) ascii_[c] = table_[c] & kWordClasses;
  }

  // kLetter, kNumber, kSpace or 0 of the character at `position` (before the end); moves `next` past it.
  std::uint8_t at(std::string_view text, std::size_t position, std::size_t& next) const {
    const auto byte = static_cast<std::uint8_t>(text[position]);
    if (byte < 0x80) {
      next = position + 1;
      return ascii_[byte];
    }
    next = position;
    return table_[decode_code_point(text, next)] & kWordClasses;
  }

  // The end of the run of characters of `wanted` class from `position` on, of `max_count` at most.
  std::size_t run_end(std::string_view text, std::size_t position, std::uint8_t wanted, std::size_t max_count) const {
    std::size_t next = position;
    for (; position < text.size() && max_count > 0; position = next, --max_count) {
      if (at(text, position, next) != wanted) break;
    }
    return position;
  }

 private:
  const CodePointBytes& table_;
  std::array<std::uint8_t, 128> ascii_{};
};

bool is_newline(char c) {
  return c == '\r' || c == '\n';
}

char lowered(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

// The bytes of 's, 't, 're, 've, 'm, 'll or 'd at `position`, or 0. Where case does not matter the long s is an s, too.
std::size_t contraction_bytes(std::string_view text, std::size_t position, bool any_case) {
  const std::string_view rest = text.substr(position);
  if (rest.size() < 2 || rest[0] != '\'') return 0;
  if (any_case && rest.substr(1).starts_with("\xC5\xBF")) return 3;
  const char first = any_case ? lowered(rest[1]) : rest[1];
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if (rest.size() < 3) return 0;
  const char second = any_case ? lowered(rest[2]) : rest[2];
  const bool two = (first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l');
  return two ? 3 : 0;
}

// What the known expressions differ in.
struct WordRules {
  bool any_case = false;              // of contractions
  bool any_character_before = false;  // one character goes with the letters after it, not only a blank
  std::size_t max_digits = static_cast<std::size_t>(-1);
  bool blank_before_digits = false;
  bool newlines_after = false;  // newlines go with the symbols before them, and with the whitespace before them
};

// Every character begins a match, so all of a text is matches.
class WordPattern final : public Pattern {
 public:
  explicit WordPattern(const WordRules& rules) : rules_(rules) {}

  Match find(std::string_view text, std::size_t from) const override {
    if (from >= text.size()) return {};
    return {from, word_end(text, from)};
  }

 private:
  std::size_t word_end(std::string_view text, std::size_t begin) const;
  std::size_t whitespace_end(std::string_view text, std::size_t begin) const;
  // The end of a run of letters, digits or symbols, `first` being the class that its first character has.
  std::size_t run_end(std::string_view text, std::size_t begin, std::uint8_t first) const;

  const ClassReader classes_;
  const WordRules rules_;
};

std::size_t WordPattern::run_end(std::string_view text, std::size_t begin, std::uint8_t first) const {
  if (first == kNumber) return classes_.run_end(text, begin, kNumber, rules_.max_digits);
  std::size_t end = classes_.run_end(text, begin, first, text.size());
  if (first == 0 && rules_.newlines_after) {
    while (end < text.size() && is_newline(text[end])) ++end;
  }
  return end;
}

std::size_t WordPattern::word_end(std::string_view text, std::size_t begin) const {
  if (text[begin] == '\'') {
    if (const std::size_t bytes = contraction_bytes(text, begin, rules_.any_case); bytes > 0) return begin + bytes;
  }
  std::size_t next = begin;
  const std::uint8_t first = classes_.at(text, begin, next);
  if (first == kLetter || first == kNumber) return run_end(text, begin, first);
  const bool blank = text[begin] == ' ';
  if (next < text.size()) {
    std::size_t ignored = next;
    const std::uint8_t second = classes_.at(text, next, ignored);
    const bool takes_letters = blank || (rules_.any_character_before && !is_newline(text[begin]));
    if (second == kLetter && takes_letters) return run_end(text, next, kLetter);
    if (blank && second == kNumber && rules_.blank_before_digits) return run_end(text, next, kNumber);
    if (blank && second == 0) return run_end(text, next, 0);
  }
  return first == kSpace ? whitespace_end(text, begin) : run_end(text, begin, first);
}

// Up to the last newline where newlines count; else all whitespace before the end of the text, and all but its last character
// before a word: that one goes with the word, or stands alone.
std::size_t WordPattern::whitespace_end(std::string_view text, std::size_t begin) const {
  const std::size_t end = classes_.run_end(text, begin, kSpace, text.size());
  if (rules_.newlines_after) {
    for (std::size_t i = end; i > begin; --i) {
      if (is_newline(text[i - 1])) return i;
    }
  }
  if (end == text.size()) return end;
  const std::size_t last = code_point_begin_before(text, end);
  return last > begin ? last : end;
}

// Runs of whitespace, or of blanks, of `min_characters` at least: what normalizers shorten.
class RunPattern final : public Pattern {
 public:
  RunPattern(bool any_whitespace, std::size_t min_characters) : any_whitespace_(any_whitespace), min_characters_(min_characters) {}

  Match find(std::string_view text, std::size_t from) const override {
    for (std::size_t begin = from; begin < text.size();) {
      std::size_t end = begin;
      std::size_t characters = 0;
      std::size_t next = begin;
      while (end < text.size() && is_member(text, end, next)) {
        end = next;
        ++characters;
      }
      if (characters >= min_characters_) return {begin, end};
      begin = next;
    }
    return {};
  }

 private:
  bool is_member(std::string_view text, std::size_t position, std::size_t& next) const {
    if (any_whitespace_) return classes_.at(text, position, next) == kSpace;
    next = position + 1;
    return text[position] == ' ';
  }

  const ClassReader classes_;
  const bool any_whitespace_;
  const std::size_t min_characters_;
};

}  // namespace

std::unique_ptr<Pattern> make_word_pattern(std::string_view expression) {
  if (expression == R"(\s+)") return std::make_unique<RunPattern>(true, 1);
  if (expression == R"(\s{2,})") return std::make_unique<RunPattern>(true, 2);
  if (expression == " {2,}") return std::make_unique<RunPattern>(false, 2);
  if (expression == kGpt2Expression) return std::make_unique<WordPattern>(WordRules{.blank_before_digits = true});
  WordRules rules{.any_case = true, .any_character_before = true, .newlines_after = true};
  if (expression == kGpt4Expression || expression == kGpt4OldExpression) {
    rules.max_digits = 3;
    return std::make_unique<WordPattern>(rules);
  }
  if (expression == kQwen2Expression) {
    rules.max_digits = 1;
    return std::make_unique<WordPattern>(rules);
  }
  return nullptr;
}

}  // namespace orthant
