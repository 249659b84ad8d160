#include "encoder/tokenizer/pattern.h"

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <oniguruma.h>

#include "encoder/tokenizer/unicode_tables.h"
#include "encoder/tokenizer/utf8.h"
#include "encoder/tokenizer/word_pattern.h"

namespace orthant {
namespace {

std::size_t next_character(std::string_view text, std::size_t position) {
  if (position < text.size()) decode_code_point(text, position);
  return position;
}

class StringPattern final : public Pattern {
 public:
  explicit StringPattern(std::string wanted) : wanted_(std::move(wanted)) {}

  Match find(std::string_view text, std::size_t from) const override {
    const std::size_t begin = text.find(wanted_, from);
    if (begin == std::string_view::npos) return {};
    return {begin, begin + wanted_.size()};
  }

 private:
  const std::string wanted_;
};

class CharacterPattern final : public Pattern {
 public:
  explicit CharacterPattern(bool (*matches)(char32_t)) : matches_(matches) {}

  Match find(std::string_view text, std::size_t from) const override {
    for (std::size_t next = from; next < text.size();) {
      const std::size_t begin = next;
      if (matches_(decode_code_point(text, next))) return {begin, next};
    }
    return {};
  }

 private:
  bool (*const matches_)(char32_t);
};

const OnigUChar* bytes_of(const char* text) {
  return reinterpret_cast<const OnigUChar*>(text);
}

// A region of matches, which Oniguruma fills and we free.
class Region {
 public:
  Region() : region_(onig_region_new()) {}
  ~Region() { onig_region_free(region_, 1); }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  OnigRegion* get() const { return region_; }

 private:
  OnigRegion* region_;
};

class OnigurumaPattern final : public Pattern {
 public:
  explicit OnigurumaPattern(regex_t* compiled) : compiled_(compiled) {}
  ~OnigurumaPattern() override { onig_free(compiled_); }
  OnigurumaPattern(const OnigurumaPattern&) = delete;
  OnigurumaPattern& operator=(const OnigurumaPattern&) = delete;

  // A search that gives up (too many steps of backtracking) finds nothing, as it does behind `tokenizers`.
  Match find(std::string_view text, std::size_t from) const override {
    thread_local const Region region;
    const OnigUChar* begin = bytes_of(text.data());
    const OnigUChar* end = begin + text.size();
    const int found = onig_search(compiled_, begin, end, begin + from, end, region.get(), ONIG_OPTION_NONE);
    if (found < 0) return {};
    return {static_cast<std::size_t>(region.get()->beg[0]), static_cast<std::size_t>(region.get()->end[0])};
  }

 private:
  regex_t* compiled_;
};

// The ranges of a general category ("Lu") or of a group of them ("L"), in Oniguruma's form: their number, then first and last
// characters.
std::vector<OnigCodePoint> ranges_of(std::string_view name) {
  const UnicodeTables& tables = unicode_tables();
  std::array<bool, kCategoryNames.size() + 1> is_member{};  // the last one: past the last character
  for (std::size_t i = 0; i < kCategoryNames.size(); ++i) is_member[i] = kCategoryNames[i].starts_with(name);
  std::vector<OnigCodePoint> ranges(1);
  bool inside = false;
  for (char32_t c = 0; c <= 0x110000; ++c) {
    const bool member = is_member[c < 0x110000 ? tables.categories[c] : kCategoryNames.size()];
    if (member == inside) continue;
    ranges.push_back(member ? c : c - 1);
    inside = member;
  }
  ranges.front() = static_cast<OnigCodePoint>(ranges.size() / 2);
  return ranges;
}

// What Oniguruma keeps for the whole process. \p{L}, \p{Lu} and so on mean in it what its version's Unicode says; defined anew,
// they mean what they mean to `tokenizers`. One thread at a time.
class Oniguruma {
 public:
  Oniguruma() {
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    code_ = onig_initialize(encodings, 1);
  }

  bool started() const { return code_ == ONIG_NORMAL; }

  // The properties that the expression names. Past the twenty definitions that Oniguruma takes, its own stay.
  void define_properties(std::string_view expression) {
    constexpr std::string_view kGroups[] = {"L", "M", "N", "P", "S", "Z", "C"};
    for (const std::string_view name : kGroups) define_property(name, expression);
    for (const std::string_view name : kCategoryNames) define_property(name, expression);
  }

 private:
  void define_property(std::string_view name, std::string_view expression) {
    const bool named = expression.find(std::string(name) + '}') != std::string_view::npos;
    if (!named || kept_.contains(std::string(name))) return;
    std::vector<OnigCodePoint>& ranges = kept_[std::string(name)] = ranges_of(name);
    onig_unicode_define_user_property(std::string(name).c_str(), ranges.data());
  }

  int code_;
  std::map<std::string, std::vector<OnigCodePoint>> kept_;  // Oniguruma points to the ranges
};

}  // namespace

Pattern::Match PatternReader::next() {
  while (from_ <= text_.size()) {
    const Pattern::Match match = pattern_.find(text_, from_);
    if (!match.found()) break;
    if (match.begin == match.end && match.end == last_end_) {
      if (from_ == text_.size()) break;
      from_ = next_character(text_, from_);
      continue;
    }
    from_ = last_end_ = match.end;
    return match;
  }
  from_ = text_.size() + 1;
  return {};
}

std::unique_ptr<Pattern> make_string_pattern(std::string text) {
  return std::make_unique<StringPattern>(std::move(text));
}

std::unique_ptr<Pattern> make_character_pattern(bool (*matches)(char32_t)) {
  return std::make_unique<CharacterPattern>(matches);
}

Result<std::unique_ptr<Pattern>> make_regex_pattern(const std::string& expression) {
  if (auto by_hand = make_word_pattern(expression)) return by_hand;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  static Oniguruma oniguruma;
  if (!oniguruma.started()) return internal_error("Oniguruma does not start");
  oniguruma.define_properties(expression);
  regex_t* compiled = nullptr;
  OnigErrorInfo details;
  const OnigUChar* begin = bytes_of(expression.data());
  const int code =
      onig_new(&compiled, begin, begin + expression.size(), ONIG_OPTION_NONE, ONIG_ENCODING_UTF8, ONIG_SYNTAX_ONIGURUMA, &details);
  if (code != ONIG_NORMAL) {
    std::array<OnigUChar, ONIG_MAX_ERROR_MESSAGE_LEN> reason{};
    const int bytes = onig_error_code_to_str(reason.data(), code, &details);
    return invalid_argument("not a regular expression: " +
                            std::string(reinterpret_cast<const char*>(reason.data()), static_cast<std::size_t>(bytes)));
  }
  return std::make_unique<OnigurumaPattern>(compiled);
}

}  // namespace orthant
