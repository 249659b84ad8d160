#pragma once
// What Hugging Face's normalizers and pre-tokenizers know of each code point: made from the real `tokenizers` package over all of
// them (scripts/make_character_tables.py), because its Unicode tables are older than any library's. Constant data, any thread.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace orthant {

enum CharacterFlag : std::uint8_t {
  kCleaned = 1,      // clean_text removes it
  kWhitespace = 2,   // splits words; clean_text makes it a blank, unless it removes it
  kChinese = 4,      // handle_chinese_chars puts blanks around it
  kPunctuation = 8,  // a word of its own
  kAccent = 16,      // strip_accents drops it (Unicode's Mn, as of version 8)
  kDecomposes = 32,  // NFD takes it apart (Hangul syllables included)
  kLowers = 64,      // lowercase changes it
  kWord = 128,       // `\w`, for added tokens that must stand alone
};

struct CharacterRecord {
  std::uint8_t flags = 0;
  // Order of its canonical combining class among all classes; 0 for starters, which NFD never moves.
  std::uint8_t combining_rank = 0;
};

inline constexpr std::size_t kCharacterBlockSize = 128;
extern const CharacterRecord kCharacterRecords[];
extern const std::uint16_t kCharacterBlocks[];        // code point / 128 -> block
extern const std::uint8_t kCharacterRecordIndexes[];  // block * 128 + code point % 128 -> record

// `code_point` <= 0x10FFFF.
inline CharacterRecord character_record(char32_t code_point) {
  const std::size_t block = kCharacterBlocks[code_point / kCharacterBlockSize];
  return kCharacterRecords[kCharacterRecordIndexes[block * kCharacterBlockSize + code_point % kCharacterBlockSize]];
}

// A code point that becomes several. Entry i stands in pool[ends[i - 1], ends[i]).
struct CodePointMapping {
  std::span<const char32_t> keys;  // ascending
  std::span<const std::uint16_t> ends;
  std::span<const char32_t> pool;

  // Empty where the mapping has no such key.
  std::span<const char32_t> find(char32_t code_point) const {
    const auto key = std::lower_bound(keys.begin(), keys.end(), code_point);
    if (key == keys.end() || *key != code_point) return {};
    const auto i = static_cast<std::size_t>(key - keys.begin());
    const std::size_t begin = i == 0 ? 0 : ends[i - 1];
    return pool.subspan(begin, ends[i] - begin);
  }
};

// Full canonical decompositions, without the Hangul syllables (they follow a formula).
const CodePointMapping& decomposition_mapping();
const CodePointMapping& lowercase_mapping();

}  // namespace orthant
