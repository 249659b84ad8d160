#include "encoder/tokenizer/pre_tokenizer.h"

#include <algorithm>

#include "encoder/tokenizer/bert_pre_tokenizer.h"
#include "encoder/tokenizer/byte_alphabet.h"
#include "encoder/tokenizer/character_tables.h"
#include "encoder/tokenizer/unicode_tables.h"
#include "encoder/tokenizer/utf8.h"
#include "encoder/tokenizer/word_pattern.h"

namespace orthant {
namespace {

Piece part_of(Piece whole, std::size_t begin, std::size_t end) {
  return {whole.text.substr(begin, end - begin), whole.starts_text && begin == 0};
}

class BertStep final : public SplitStep {
 public:
  bool split(Piece piece, PieceStream& stream) const override {
    for (std::size_t position = 0;;) {
      const std::string_view word = BertPreTokenizer::next_word(piece.text, position);
      if (word.empty()) return true;
      if (!stream.put(part_of(piece, position - word.size(), position))) return false;
    }
  }
};

class WhitespaceStep final : public SplitStep {
 public:
  bool split(Piece piece, PieceStream& stream) const override {
    std::size_t begin = 0;
    std::uint8_t kind = kWhitespace;
    for (std::size_t position = 0; position < piece.text.size();) {
      const std::size_t here = position;
      const std::uint8_t next = kind_of(decode_code_point(piece.text, position));
      if (next == kind) continue;
      if (kind != kWhitespace && !stream.put(part_of(piece, begin, here))) return false;
      begin = here;
      kind = next;
    }
    return kind == kWhitespace || stream.put(part_of(piece, begin, piece.text.size()));
  }

 private:
  static std::uint8_t kind_of(char32_t c) {
    const std::uint8_t flags = character_record(c).flags;
    return (flags & kWord) != 0 ? kWord : flags & kWhitespace;
  }
};

// Cuts a piece where a pattern matches. `Stretch` is a match or what lies between two.
class PatternStep final : public SplitStep {
 public:
  PatternStep(std::unique_ptr<Pattern> pattern, SplitBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  bool split(Piece piece, PieceStream& stream) const override {
    PatternReader reader(*pattern_, piece.text);
    Merger merger{piece, behavior_, stream};
    std::size_t done = 0;
    for (Pattern::Match match = reader.next(); match.found(); match = reader.next()) {
      if (done < match.begin && !merger.add({done, match.begin, invert_})) return false;
      if (!merger.add({match.begin, match.end, !invert_})) return false;
      done = match.end;
    }
    if (done < piece.text.size() && !merger.add({done, piece.text.size(), invert_})) return false;
    return merger.finish();
  }

 private:
  struct Stretch {
    std::size_t begin, end;
    bool matches;
  };

  // Holds one stretch back until it is known whether the next one is joined to it.
  struct Merger {
    Piece piece;
    SplitBehavior behavior;
    PieceStream& stream;
    Stretch held = {0, 0, false};
    bool holds = false;
    bool last_matched = false;

    bool add(Stretch stretch) {
      if (behavior == SplitBehavior::kIsolated) return put(stretch);
      if (behavior == SplitBehavior::kRemoved) return stretch.matches || put(stretch);
      const bool joined = holds && joins(stretch);
      last_matched = stretch.matches;
      if (joined) {
        held = {held.begin, stretch.end, stretch.matches};
        return true;
      }
      const bool wanted = finish();
      held = stretch;
      holds = true;
      return wanted;
    }

    bool joins(const Stretch& stretch) const {
      switch (behavior) {
        case SplitBehavior::kContiguous: return stretch.matches == last_matched;
        case SplitBehavior::kMergedWithPrevious: return stretch.matches && !last_matched;
        case SplitBehavior::kMergedWithNext: return !stretch.matches && last_matched;
        default: return false;
      }
    }

    bool put(const Stretch& stretch) const { return stream.put(part_of(piece, stretch.begin, stretch.end)); }

    bool finish() {
      if (!holds) return true;
      holds = false;
      return put(held);
    }
  };

  const std::unique_ptr<Pattern> pattern_;
  const SplitBehavior behavior_;
  const bool invert_;
};

class DelimiterPattern final : public Pattern {
 public:
  explicit DelimiterPattern(char32_t delimiter) { append_code_point(delimiter_, delimiter); }
  Match find(std::string_view text, std::size_t from) const override {
    const std::size_t begin = text.find(delimiter_, from);
    if (begin == std::string_view::npos) return {};
    return {begin, begin + delimiter_.size()};
  }

 private:
  std::string delimiter_;
};

class FixedLengthStep final : public SplitStep {
 public:
  explicit FixedLengthStep(std::size_t characters) : characters_(characters) {}

  bool split(Piece piece, PieceStream& stream) const override {
    for (std::size_t begin = 0, end = 0; begin < piece.text.size(); begin = end) {
      for (std::size_t i = 0; i < characters_ && end < piece.text.size(); ++i) decode_code_point(piece.text, end);
      if (!stream.put(part_of(piece, begin, end))) return false;
    }
    return true;
  }

 private:
  const std::size_t characters_;
};

// Blanks become the replacement; each replacement begins a piece.
class MetaspaceStep final : public SplitStep {
 public:
  MetaspaceStep(std::string replacement, PrependScheme scheme, bool split)
      : replacement_(std::move(replacement)), scheme_(scheme), split_(split) {}

  bool asks_for_start() const override { return scheme_ == PrependScheme::kFirst; }

  bool split(Piece piece, PieceStream& stream) const override {
    std::string& replaced = stream.buffer();
    replaced.clear();
    if (wants_prefix(piece)) replaced += replacement_;
    std::string_view rest = piece.text;
    for (std::size_t blank = rest.find(' '); blank != std::string_view::npos; blank = rest.find(' ')) {
      replaced += rest.substr(0, blank);
      replaced += replacement_;
      rest.remove_prefix(blank + 1);
    }
    replaced += rest;
    return put_parts({replaced, piece.starts_text}, stream);
  }

 private:
  bool wants_prefix(Piece piece) const {
    if (scheme_ == PrependScheme::kNever || (scheme_ == PrependScheme::kFirst && !piece.starts_text)) return false;
    return !piece.text.starts_with(' ') && !piece.text.starts_with(replacement_);
  }

  bool put_parts(Piece piece, PieceStream& stream) const {
    if (!split_) return stream.put(piece);
    for (std::size_t begin = 0; begin < piece.text.size();) {
      const std::size_t end = std::min(piece.text.find(replacement_, begin + 1), piece.text.size());
      if (!stream.put(part_of(piece, begin, end))) return false;
      begin = end;
    }
    return true;
  }

  const std::string replacement_;
  const PrependScheme scheme_;
  const bool split_;
};

class ByteLevelStep final : public SplitStep {
 public:
  ByteLevelStep(bool add_prefix_space, bool use_regex)
      : add_prefix_space_(add_prefix_space), words_(use_regex ? make_word_pattern(kGpt2Expression) : nullptr) {}

  bool leave_bytes() override {
    maps_ = false;
    return true;
  }

  bool split(Piece piece, PieceStream& stream) const override {
    std::string prefixed;
    if (add_prefix_space_ && !piece.text.starts_with(' ')) {
      prefixed.reserve(piece.text.size() + 1);
      prefixed = ' ';
      prefixed += piece.text;
      piece.text = prefixed;
    }
    if (!words_) return put(piece, stream);
    for (std::size_t position = 0; position < piece.text.size();) {
      const Pattern::Match match = words_->find(piece.text, position);
      if (!put(part_of(piece, match.begin, match.end), stream)) return false;
      position = match.end;
    }
    return true;
  }

 private:
  bool put(Piece piece, PieceStream& stream) const {
    if (!maps_) return stream.put(piece);
    std::string& mapped = stream.buffer();
    mapped.clear();
    append_byte_level(piece.text, mapped);
    return stream.put({mapped, piece.starts_text});
  }

  const bool add_prefix_space_;
  const std::unique_ptr<Pattern> words_;
  bool maps_ = true;
};

bool is_whitespace(char32_t c) {
  return (character_record(c).flags & kWhitespace) != 0;
}
bool is_punctuation(char32_t c) {
  return (character_record(c).flags & kPunctuation) != 0;
}
bool is_numeral(char32_t c) {
  return (unicode_tables().classes[c] & kNumeral) != 0;
}

}  // namespace

bool PieceStream::put(Piece piece) {
  if (piece.text.empty()) return true;
  if (next_step_ == steps_.steps_.size()) return sink_.take(piece.text);
  PieceStream stream(steps_, next_step_ + 1, scratch_, sink_);
  return steps_.steps_[next_step_]->split(piece, stream);
}

bool PreTokenizer::asks_for_start() const {
  return std::ranges::any_of(steps_, [](const auto& step) { return step->asks_for_start(); });
}

bool PreTokenizer::split(Piece text, Scratch& scratch, WordSink& sink) const {
  scratch.buffers.resize(steps_.size());
  return PieceStream(*this, 0, scratch, sink).put(text);
}

std::unique_ptr<SplitStep> make_bert_step() {
  return std::make_unique<BertStep>();
}

std::unique_ptr<SplitStep> make_whitespace_step() {
  return std::make_unique<WhitespaceStep>();
}

std::unique_ptr<SplitStep> make_whitespace_split_step() {
  return make_split_step(make_character_pattern(is_whitespace), SplitBehavior::kRemoved, false);
}

std::unique_ptr<SplitStep> make_punctuation_step(SplitBehavior behavior) {
  return make_split_step(make_character_pattern(is_punctuation), behavior, false);
}

std::unique_ptr<SplitStep> make_digits_step(bool individual) {
  return make_split_step(make_character_pattern(is_numeral), individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous,
                         false);
}

std::unique_ptr<SplitStep> make_delimiter_step(char32_t delimiter) {
  return make_split_step(std::make_unique<DelimiterPattern>(delimiter), SplitBehavior::kRemoved, false);
}

std::unique_ptr<SplitStep> make_fixed_length_step(std::size_t characters) {
  return std::make_unique<FixedLengthStep>(characters);
}

std::unique_ptr<SplitStep> make_split_step(std::unique_ptr<Pattern> pattern, SplitBehavior behavior, bool invert) {
  return std::make_unique<PatternStep>(std::move(pattern), behavior, invert);
}

std::unique_ptr<SplitStep> make_metaspace_step(std::string replacement, PrependScheme scheme, bool split) {
  return std::make_unique<MetaspaceStep>(std::move(replacement), scheme, split);
}

std::unique_ptr<SplitStep> make_byte_level_step(bool add_prefix_space, bool use_regex) {
  return std::make_unique<ByteLevelStep>(add_prefix_space, use_regex);
}

}  // namespace orthant
