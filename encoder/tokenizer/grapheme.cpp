#include "encoder/tokenizer/grapheme.h"

#include <cstdint>

#include "encoder/tokenizer/hangul.h"
#include "encoder/tokenizer/unicode_tables.h"
#include "encoder/tokenizer/utf8.h"

namespace orthant {
namespace {

constexpr char32_t kZeroWidthJoiner = 0x200D;

enum class Jamo : std::uint8_t { kNone, kLead, kVowel, kTrail, kOpenSyllable, kClosedSyllable };

Jamo jamo_of(char32_t c) {
  if (c < 0x1100) return Jamo::kNone;
  if (c <= 0x115F || (c >= 0xA960 && c <= 0xA97C)) return Jamo::kLead;
  if (c <= 0x11A7 || (c >= 0xD7B0 && c <= 0xD7C6)) return Jamo::kVowel;
  if (c <= 0x11FF || (c >= 0xD7CB && c <= 0xD7FB)) return Jamo::kTrail;
  if (!is_hangul_syllable(c)) return Jamo::kNone;
  return (c - kHangulFirst) % kTrailsWithNone == 0 ? Jamo::kOpenSyllable : Jamo::kClosedSyllable;
}

bool jamo_join(Jamo first, Jamo second) {
  switch (first) {
    case Jamo::kNone: return false;
    case Jamo::kLead: return second != Jamo::kNone && second != Jamo::kTrail;
    case Jamo::kVowel:
    case Jamo::kOpenSyllable: return second == Jamo::kVowel || second == Jamo::kTrail;
    case Jamo::kTrail:
    case Jamo::kClosedSyllable: return second == Jamo::kTrail;
  }
  return false;
}

// What has come of a cluster so far, as far as it decides whether the next character joins.
class Cluster {
 public:
  explicit Cluster(char32_t first) { add(first, flags_[first]); }

  // Adds the character if it joins.
  bool take(char32_t next) {
    const std::uint8_t flags = flags_[next];
    if (!joins(next, flags)) return false;
    add(next, flags);
    return true;
  }

 private:
  bool joins(char32_t next, std::uint8_t flags) const {
    if (last_ == '\r' && next == '\n') return true;
    if ((last_flags_ & kBreaks) != 0 || (flags & kBreaks) != 0) return false;
    if ((flags & kJoinsPrevious) != 0 || (last_flags_ & kPrepends) != 0) return true;
    if (jamo_join(jamo_of(last_), jamo_of(next))) return true;
    if (linked_ && (flags & kConjunctConsonant) != 0) return true;
    return joined_picture_ && (flags & kPictographic) != 0;
  }

  void add(char32_t c, std::uint8_t flags) {
    // Consonant [Extend Linker]* Linker [Extend Linker]* Consonant
    if ((flags & kConjunctConsonant) != 0) {
      consonant_ = true;
      linked_ = false;
    } else if ((flags & kConjunctExtends) == 0) {
      consonant_ = linked_ = false;
    } else if ((flags & kConjunctLinker) != 0) {
      linked_ = consonant_;
    }
    // Pictographic Extend* ZWJ Pictographic
    joined_picture_ = c == kZeroWidthJoiner && picture_;
    if ((flags & kPictographic) != 0) {
      picture_ = true;
    } else if ((flags & kExtends) == 0) {
      picture_ = false;
    }
    last_ = c;
    last_flags_ = flags;
  }

  const CodePointBytes& flags_ = unicode_tables().graphemes;
  char32_t last_ = 0;
  std::uint8_t last_flags_ = 0;
  bool consonant_ = false, linked_ = false;
  bool picture_ = false, joined_picture_ = false;
};

}  // namespace

std::size_t grapheme_end(std::string_view text, std::size_t begin) {
  std::size_t end = begin;
  Cluster cluster(decode_code_point(text, end));
  while (end < text.size()) {
    std::size_t next = end;
    if (!cluster.take(decode_code_point(text, next))) break;
    end = next;
  }
  return end;
}

}  // namespace orthant
