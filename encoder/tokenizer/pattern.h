#pragma once
// Pattern: what Replace and Split look for in a text: a string, or a regular expression. Immutable, any thread.
//
// Hugging Face's `tokenizers` takes regular expressions to Oniguruma; so do we, but for the patterns that nearly all byte-level
// tokenizers cut words with: those are matched by hand (word_pattern.h), some fifty times as fast.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace orthant {

class Pattern {
 public:
  virtual ~Pattern() = default;

  struct Match {
    std::size_t begin = kNone;  // kNone: there is none
    std::size_t end = kNone;
    bool found() const { return begin != kNone; }
  };
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  // The first match that begins at or after `from`; what comes before it is seen by look-behind only. It may be empty.
  virtual Match find(std::string_view text, std::size_t from) const = 0;
};

// All matches in a text, in order. An empty match right after another match is passed over.
class PatternReader {
 public:
  PatternReader(const Pattern& pattern, std::string_view text) : pattern_(pattern), text_(text) {}
  Pattern::Match next();

 private:
  const Pattern& pattern_;
  std::string_view text_;
  std::size_t from_ = 0;
  std::size_t last_end_ = Pattern::kNone;
};

// `text` may be empty: it is found at every place.
std::unique_ptr<Pattern> make_string_pattern(std::string text);
std::unique_ptr<Pattern> make_character_pattern(bool (*matches)(char32_t));
// invalid_argument with Oniguruma's reason.
Result<std::unique_ptr<Pattern>> make_regex_pattern(const std::string& expression);

}  // namespace orthant
