#pragma once
// Hangul syllables and their jamo (Unicode, section 3.12): the one decomposition that follows a formula. Free functions, any
// thread.

#include <cstdint>

namespace orthant {

inline constexpr char32_t kHangulFirst = 0xAC00;
inline constexpr char32_t kHangulLast = 0xD7A3;
inline constexpr char32_t kLeadFirst = 0x1100;
inline constexpr char32_t kLeadCount = 19;
inline constexpr char32_t kVowelFirst = 0x1161;
inline constexpr char32_t kVowelCount = 21;
// The trail before the first one stands for no trail.
inline constexpr char32_t kTrailBase = 0x11A7;
inline constexpr char32_t kTrailFirst = kTrailBase + 1;
inline constexpr char32_t kTrailsWithNone = 28;
inline constexpr char32_t kTrailCount = kTrailsWithNone - 1;

inline bool is_hangul_syllable(char32_t c) {
  return c >= kHangulFirst && c <= kHangulLast;
}

// The jamo of a syllable, handed to `visit` one by one. All are starters.
template <typename Visit>
void for_each_jamo(char32_t syllable, Visit visit) {
  const char32_t index = syllable - kHangulFirst;
  visit(kLeadFirst + index / (kVowelCount * kTrailsWithNone));
  visit(kVowelFirst + index % (kVowelCount * kTrailsWithNone) / kTrailsWithNone);
  if (index % kTrailsWithNone != 0) visit(kTrailBase + index % kTrailsWithNone);
}

// The syllable that two characters make, or 0.
inline char32_t compose_hangul(char32_t first, char32_t second) {
  const bool lead = first >= kLeadFirst && first < kLeadFirst + kLeadCount;
  if (lead && second >= kVowelFirst && second < kVowelFirst + kVowelCount) {
    return kHangulFirst + ((first - kLeadFirst) * kVowelCount + (second - kVowelFirst)) * kTrailsWithNone;
  }
  const bool open = is_hangul_syllable(first) && (first - kHangulFirst) % kTrailsWithNone == 0;
  if (open && second >= kTrailFirst && second < kTrailFirst + kTrailCount) return first + (second - kTrailBase);
  return 0;
}

}  // namespace orthant
