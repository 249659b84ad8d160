#pragma once
// UnicodeTables: what Hugging Face's regular expressions, normalization forms and grapheme clusters know of each code point: made
// from the real `tokenizers` package over all of them (scripts/make_unicode_tables.py). Unpacked at first use (about 2 ms, 1 MB);
// constant after, any thread. What Bert's parts know is in character_tables.h.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace orthant {

// As regular expressions (Oniguruma's newer tables) see characters.
enum class GeneralCategory : std::uint8_t {
  // clang-format off
  kCn, kLu, kLl, kLt, kLm, kLo, kMn, kMc, kMe, kNd, kNl, kNo, kPc, kPd, kPs, kPe, kPi, kPf, kPo, kSm, kSc, kSk, kSo, kZs, kZl, kZp, kCc, kCf, kCo
  // clang-format on
};
inline constexpr std::array<std::string_view, 29> kCategoryNames = {"Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd",
                                                                    "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm",
                                                                    "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Co"};

enum CharacterClass : std::uint8_t {
  kLetter = 1,   // \p{L}
  kNumber = 2,   // \p{N}
  kSpace = 4,    // \s
  kNumeral = 8,  // what the Digits pre-tokenizer takes for a digit
};

// How a character takes part in a grapheme cluster (UAX 29), as far as clusters of less than six bytes can show it.
enum GraphemeFlag : std::uint8_t {
  kJoinsPrevious = 1,       // Extend, SpacingMark and the zero-width joiner
  kExtends = 2,             // of those, Extend
  kConjunctExtends = 4,     // InCB=Extend or Linker
  kConjunctLinker = 8,      // InCB=Linker
  kConjunctConsonant = 16,  // InCB=Consonant
  kPictographic = 32,       // Extended_Pictographic
  kBreaks = 64,             // CR, LF and Control
  kPrepends = 128,          // joins what follows
};

// Whether StripAccents drops a character, and for which forms it is inert: it stays as it is, and neither moves, nor joins the
// character before it, nor lets others pass. Text between two inert characters can be normalized by itself, from the first of them
// on.
enum NormalizationFlag : std::uint8_t { kInertInNfc = 1, kInertInNfd = 2, kInertInNfkc = 4, kInertInNfkd = 8, kCombiningMark = 16 };

// A byte for each code point, in two stages.
class CodePointBytes {
 public:
  std::uint8_t operator[](char32_t code_point) const {
    return bytes_[std::size_t{blocks_[code_point / kBlock]} * kBlock + code_point % kBlock];
  }
  // `values` holds one for each code point.
  explicit CodePointBytes(const std::vector<std::uint8_t>& values);

 private:
  static constexpr std::size_t kBlock = 256;
  std::array<std::uint16_t, 0x110000 / kBlock> blocks_{};
  std::vector<std::uint8_t> bytes_;
};

struct UnicodeTables {
  CodePointBytes categories;     // GeneralCategory
  CodePointBytes classes;        // CharacterClass
  CodePointBytes graphemes;      // GraphemeFlag
  CodePointBytes normalization;  // NormalizationFlag
  // Full compatibility decompositions where they differ from the canonical ones.
  std::unordered_map<char32_t, std::u32string> compatibility;
  // first << 32 | second -> composed, without Hangul.
  std::unordered_map<std::uint64_t, char32_t> compositions;
};

const UnicodeTables& unicode_tables();

}  // namespace orthant
