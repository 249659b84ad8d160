#include "encoder/tokenizer/normalizer.h"

#include <algorithm>

#include "encoder/tokenizer/byte_alphabet.h"
#include "encoder/tokenizer/character_tables.h"
#include "encoder/tokenizer/unicode_tables.h"
#include "encoder/tokenizer/utf8.h"

namespace orthant {
namespace {

char32_t first_character(std::string_view text) {
  std::size_t position = 0;
  return decode_code_point(text, position);
}

class BertStep final : public Normalizer {
 public:
  explicit BertStep(const BertNormalizerOptions& options) : normalizer_(options), removes_(options.clean_text) {}

  void append_normalized(std::string_view text, std::string& out) const override { normalizer_.append_normalized(text, out); }
  bool moves_start(std::string_view text) const override {
    if (!removes_) return false;
    std::string first;
    normalizer_.append_normalized(text.substr(0, text.size() - rest_of(text).size()), first);
    return first.empty();
  }
  bool works_in_slices() const override { return true; }

 private:
  static std::string_view rest_of(std::string_view text) {
    std::size_t position = 0;
    decode_code_point(text, position);
    return text.substr(position);
  }

  const BertNormalizer normalizer_;
  const bool removes_;
};

class StripAccentsStep final : public Normalizer {
 public:
  void append_normalized(std::string_view text, std::string& out) const override {
    for (std::size_t position = 0; position < text.size();) {
      const std::size_t begin = position;
      if (!is_mark(decode_code_point(text, position))) out.append(text, begin, position - begin);
    }
  }
  bool moves_start(std::string_view text) const override { return is_mark(first_character(text)); }
  bool works_in_slices() const override { return true; }

 private:
  bool is_mark(char32_t c) const { return (flags_[c] & kCombiningMark) != 0; }

  const CodePointBytes& flags_ = unicode_tables().normalization;
};

bool is_whitespace(char32_t c) {
  return (character_record(c).flags & kWhitespace) != 0;
}

class StripStep final : public Normalizer {
 public:
  StripStep(bool left, bool right) : left_(left), right_(right) {}

  void append_normalized(std::string_view text, std::string& out) const override {
    if (left_) {
      while (!text.empty() && is_whitespace(first_character(text))) {
        std::size_t position = 0;
        decode_code_point(text, position);
        text.remove_prefix(position);
      }
    }
    while (right_ && !text.empty()) {
      const std::size_t last = code_point_begin_before(text, text.size());
      if (!is_whitespace(first_character(text.substr(last)))) break;
      text = text.substr(0, last);
    }
    out += text;
  }
  bool moves_start(std::string_view text) const override { return left_ && is_whitespace(first_character(text)); }

 private:
  const bool left_, right_;
};

class ReplaceStep final : public Normalizer {
 public:
  ReplaceStep(std::unique_ptr<Pattern> pattern, std::string content) : pattern_(std::move(pattern)), content_(std::move(content)) {}

  void append_normalized(std::string_view text, std::string& out) const override {
    PatternReader reader(*pattern_, text);
    std::size_t done = 0;
    for (Pattern::Match match = reader.next(); match.found(); match = reader.next()) {
      out.append(text, done, match.begin - done);
      out += content_;
      done = match.end;
    }
    out.append(text, done);
  }
  // What is put in the place of several characters counts as standing where the last of them stood.
  bool moves_start(std::string_view text) const override {
    const Pattern::Match match = PatternReader(*pattern_, text).next();
    if (!match.found() || match.begin != 0 || match.end == 0) return false;
    return content_.empty() || count_code_points(text.substr(0, match.end)) > 1;
  }

 private:
  const std::unique_ptr<Pattern> pattern_;
  const std::string content_;
};

class PrependStep final : public Normalizer {
 public:
  explicit PrependStep(std::string content) : content_(std::move(content)) {}
  void append_normalized(std::string_view text, std::string& out) const override {
    out += content_;
    out += text;
  }

 private:
  const std::string content_;
};

class NmtStep final : public Normalizer {
 public:
  void append_normalized(std::string_view text, std::string& out) const override {
    for (std::size_t position = 0; position < text.size();) {
      const std::size_t begin = position;
      const char32_t c = decode_code_point(text, position);
      if (is_removed(c)) continue;
      if (is_blank(c)) {
        out.push_back(' ');
      } else {
        out.append(text, begin, position - begin);
      }
    }
  }
  bool moves_start(std::string_view text) const override { return is_removed(first_character(text)); }
  bool works_in_slices() const override { return true; }

 private:
  static bool is_removed(char32_t c) {
    return (c >= 0x1 && c <= 0x8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
  }
  static bool is_blank(char32_t c) {
    if (c < 0x1680) return c == '\t' || c == '\n' || c == '\f' || c == '\r';
    return c == 0x1680 || (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
  }
};

class ByteLevelStep final : public Normalizer {
 public:
  void append_normalized(std::string_view text, std::string& out) const override { append_byte_level(text, out); }
  bool works_in_slices() const override { return true; }
};

}  // namespace

std::unique_ptr<Normalizer> make_bert_normalizer(const BertNormalizerOptions& options) {
  return std::make_unique<BertStep>(options);
}

std::unique_ptr<Normalizer> make_lowercase() {
  return make_bert_normalizer({.clean_text = false, .handle_chinese_chars = false, .strip_accents = false, .lowercase = true});
}

std::unique_ptr<Normalizer> make_strip_accents() {
  return std::make_unique<StripAccentsStep>();
}

std::unique_ptr<Normalizer> make_strip(bool left, bool right) {
  return std::make_unique<StripStep>(left, right);
}

std::unique_ptr<Normalizer> make_replace(std::unique_ptr<Pattern> pattern, std::string content) {
  return std::make_unique<ReplaceStep>(std::move(pattern), std::move(content));
}

std::unique_ptr<Normalizer> make_prepend(std::string content) {
  return std::make_unique<PrependStep>(std::move(content));
}

std::unique_ptr<Normalizer> make_nmt() {
  return std::make_unique<NmtStep>();
}

std::unique_ptr<Normalizer> make_byte_level() {
  return std::make_unique<ByteLevelStep>();
}

bool NormalizerChain::works_in_slices() const {
  return std::ranges::all_of(steps_, [](const auto& step) { return step->works_in_slices(); });
}

std::string_view NormalizerChain::normalize(std::string_view text, std::string& out, std::string& spare) const {
  std::string* to = &out;
  std::string* other = &spare;
  for (const auto& step : steps_) {
    if (text.empty()) return text;
    to->clear();
    step->append_normalized(text, *to);
    text = *to;
    std::swap(to, other);
  }
  return text;
}

bool NormalizerChain::moves_start(std::string_view text) const {
  std::string buffers[2];
  bool moved = false;
  for (std::size_t i = 0; i < steps_.size() && !text.empty() && !moved; ++i) {
    moved = steps_[i]->moves_start(text);
    buffers[i % 2].clear();
    steps_[i]->append_normalized(text, buffers[i % 2]);
    text = buffers[i % 2];
  }
  return moved;
}

}  // namespace orthant
