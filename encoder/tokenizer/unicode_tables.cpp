#include "encoder/tokenizer/unicode_tables.h"

#include <algorithm>
#include <map>
#include <string>

#include "encoder/tokenizer/character_tables.h"
#include "encoder/tokenizer/hangul.h"
#include "encoder/tokenizer/unicode_data.h"

namespace orthant {
namespace {

constexpr std::size_t kCodePoints = 0x110000;

// Reads what Packer in scripts/make_unicode_tables.py wrote.
class Unpacker {
 public:
  explicit Unpacker(std::string_view packed) : packed_(packed) {}

  bool at_end() const { return position_ == packed_.size(); }

  std::uint32_t next() {
    std::uint32_t value = 0;
    for (std::uint32_t weight = 1;; weight *= kBase) {
      const auto digit = static_cast<std::uint32_t>(packed_[position_++] - '#');
      value += digit % kBase * weight;
      if (digit < kBase) return value;
    }
  }

  std::int32_t next_signed() {
    const auto value = static_cast<std::int32_t>(next());
    return value % 2 == 0 ? value / 2 : -(value / 2) - 1;
  }

 private:
  static constexpr std::uint32_t kBase = 28;
  std::string_view packed_;
  std::size_t position_ = 0;
};

std::vector<std::uint8_t> unpack_runs(std::string_view packed) {
  std::vector<std::uint8_t> values;
  values.reserve(kCodePoints);
  for (Unpacker in(packed); !in.at_end();) {
    const std::uint32_t count = in.next();
    values.insert(values.end(), count, static_cast<std::uint8_t>(in.next()));
  }
  return values;
}

char32_t moved(char32_t from, std::int32_t by) {
  return static_cast<char32_t>(static_cast<std::int32_t>(from) + by);
}

std::unordered_map<char32_t, std::u32string> unpack_mappings(std::string_view packed) {
  std::unordered_map<char32_t, std::u32string> mappings;
  char32_t key = 0;
  for (Unpacker in(packed); !in.at_end();) {
    key += in.next();
    std::u32string& parts = mappings[key];
    char32_t part = key;
    for (std::uint32_t count = in.next(); count > 0; --count) parts += part = moved(part, in.next_signed());
  }
  return mappings;
}

std::unordered_map<std::uint64_t, char32_t> unpack_compositions(std::string_view packed) {
  std::unordered_map<std::uint64_t, char32_t> compositions;
  char32_t composed = 0;
  for (Unpacker in(packed); !in.at_end();) {
    composed += in.next();
    const char32_t first = moved(composed, in.next_signed());
    compositions.emplace(std::uint64_t{first} << 32 | in.next(), composed);
  }
  return compositions;
}

std::vector<std::uint8_t> normalization_flags(const std::unordered_map<char32_t, std::u32string>& compatibility,
                                              const std::unordered_map<std::uint64_t, char32_t>& compositions) {
  constexpr std::uint8_t kAll = kInertInNfc | kInertInNfd | kInertInNfkc | kInertInNfkd;
  constexpr std::uint8_t kDecomposed = kInertInNfd | kInertInNfkd;
  std::vector<std::uint8_t> flags(kCodePoints, kAll);
  const auto clear = [&](char32_t c, int bits) { flags[c] = static_cast<std::uint8_t>(flags[c] & ~bits); };
  for (const char32_t c : decomposition_mapping().keys) clear(c, kAll);
  // What is composed again stays in the composed forms, unless NFKC takes its parts apart.
  for (const auto& [pair, composed] : compositions) flags[composed] |= kAll & ~kDecomposed;
  for (const auto& [pair, composed] : compositions) clear(static_cast<char32_t>(pair), kAll & ~kDecomposed);
  for (const auto& [c, parts] : compatibility) clear(c, kInertInNfkc | kInertInNfkd);
  for (char32_t c = kHangulFirst; c <= kHangulLast; ++c) clear(c, kDecomposed);
  for (char32_t c = kVowelFirst; c < kVowelFirst + kVowelCount; ++c) clear(c, kAll & ~kDecomposed);
  for (char32_t c = kTrailFirst; c < kTrailFirst + kTrailCount; ++c) clear(c, kAll & ~kDecomposed);
  for (char32_t c = 0; c < kCodePoints; ++c) {
    if (character_record(c).combining_rank != 0) flags[c] = 0;
  }
  const std::vector<std::uint8_t> marks = unpack_runs(kPackedCombiningMarks);
  for (char32_t c = 0; c < kCodePoints; ++c) flags[c] |= marks[c] != 0 ? kCombiningMark : 0;
  return flags;
}

bool is_space(char32_t c) {
  return (c >= 0x9 && c <= 0xD) || c == ' ' || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

std::vector<std::uint8_t> class_flags(const std::vector<std::uint8_t>& categories) {
  std::vector<std::uint8_t> flags = unpack_runs(kPackedNumerals);
  for (char32_t c = 0; c < kCodePoints; ++c) {
    const char major = kCategoryNames[categories[c]].front();
    const int classes =
        (flags[c] != 0 ? kNumeral : 0) | (major == 'L' ? kLetter : 0) | (major == 'N' ? kNumber : 0) | (is_space(c) ? kSpace : 0);
    flags[c] = static_cast<std::uint8_t>(classes);
  }
  return flags;
}

UnicodeTables unpack_tables() {
  const std::vector<std::uint8_t> categories = unpack_runs(kPackedCategories);
  auto compatibility = unpack_mappings(kPackedCompatibility);
  auto compositions = unpack_compositions(kPackedCompositions);
  CodePointBytes normalization(normalization_flags(compatibility, compositions));
  return {.categories = CodePointBytes(categories),
          .classes = CodePointBytes(class_flags(categories)),
          .graphemes = CodePointBytes(unpack_runs(kPackedGraphemes)),
          .normalization = std::move(normalization),
          .compatibility = std::move(compatibility),
          .compositions = std::move(compositions)};
}

}  // namespace

CodePointBytes::CodePointBytes(const std::vector<std::uint8_t>& values) {
  std::map<std::string_view, std::uint16_t> known;
  const std::string_view all(reinterpret_cast<const char*>(values.data()), values.size());
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const std::string_view block = all.substr(i * kBlock, kBlock);
    const auto [entry, is_new] = known.emplace(block, static_cast<std::uint16_t>(known.size()));
    if (is_new) bytes_.insert(bytes_.end(), block.begin(), block.end());
    blocks_[i] = entry->second;
  }
}

const UnicodeTables& unicode_tables() {
  static const UnicodeTables tables = unpack_tables();
  return tables;
}

}  // namespace orthant
