// NFC, NFD, NFKC and NFKD (Unicode, section 3.11 and UAX 15), over Hugging Face's tables. Runs of characters that a form leaves
// alone are copied; what lies between is decomposed, ordered and, where the form asks for it, composed.

#include <algorithm>
#include <string>
#include <utility>

#include "encoder/tokenizer/character_tables.h"
#include "encoder/tokenizer/hangul.h"
#include "encoder/tokenizer/normalizer.h"
#include "encoder/tokenizer/unicode_tables.h"
#include "encoder/tokenizer/utf8.h"

namespace orthant {
namespace {

struct RankedCharacter {
  char32_t code_point;
  std::uint8_t rank;     // CharacterRecord::combining_rank
  std::size_t position;  // keeps the order of equal ranks
};
using Characters = std::vector<RankedCharacter>;

std::uint8_t inert_flag(NormalizationForm form) {
  switch (form) {
    case NormalizationForm::kNfc: return kInertInNfc;
    case NormalizationForm::kNfd: return kInertInNfd;
    case NormalizationForm::kNfkc: return kInertInNfkc;
    case NormalizationForm::kNfkd: return kInertInNfkd;
  }
  return 0;
}

class UnicodeNormalizer final : public Normalizer {
 public:
  explicit UnicodeNormalizer(NormalizationForm form)
      : compatible_(form == NormalizationForm::kNfkc || form == NormalizationForm::kNfkd),
        composes_(form == NormalizationForm::kNfc || form == NormalizationForm::kNfkc),
        inert_flag_(inert_flag(form)) {
    for (char32_t c = 0; c < 128; ++c) ascii_is_inert_ = ascii_is_inert_ && is_inert(c);
  }

  void append_normalized(std::string_view text, std::string& out) const override;
  // Marks that come before a blank stay there; the blank is inert. So is everything in ASCII.
  bool works_in_slices() const override { return ascii_is_inert_; }

 private:
  bool is_inert(char32_t c) const { return (tables_.normalization[c] & inert_flag_) != 0; }
  void append_segment(std::string_view segment, Characters& characters, std::string& out) const;
  void decompose(char32_t c, Characters& out) const;
  void compose(Characters& characters) const;
  char32_t composed(char32_t first, char32_t second) const;

  const UnicodeTables& tables_ = unicode_tables();
  const bool compatible_, composes_;
  const std::uint8_t inert_flag_;
  bool ascii_is_inert_ = true;
};

// A segment goes from the last inert character before one that is not, to the next inert one.
void UnicodeNormalizer::append_normalized(std::string_view text, std::string& out) const {
  Characters characters;  // scratch
  std::size_t copied = 0;
  std::size_t last = 0;  // where the character before `position` begins
  for (std::size_t position = 0; position < text.size();) {
    const std::size_t begin = position;
    if (static_cast<std::uint8_t>(text[position]) < 0x80 && ascii_is_inert_) {
      ++position;
      last = begin;
      continue;
    }
    if (is_inert(decode_code_point(text, position))) {
      last = begin;
      continue;
    }
    std::size_t end = position;
    while (position < text.size()) {
      end = position;
      if (is_inert(decode_code_point(text, position))) break;
      end = position;
    }
    const std::size_t segment = std::max(last, copied);
    out.append(text, copied, segment - copied);
    append_segment(text.substr(segment, end - segment), characters, out);
    copied = last = position = end;
  }
  out.append(text, copied);
}

void UnicodeNormalizer::append_segment(std::string_view segment, Characters& characters, std::string& out) const {
  characters.clear();
  for (std::size_t position = 0; position < segment.size();) decompose(decode_code_point(segment, position), characters);
  for (auto begin = characters.begin(); begin != characters.end();) {
    begin = std::find_if(begin, characters.end(), [](const RankedCharacter& c) { return c.rank != 0; });
    const auto end = std::find_if(begin, characters.end(), [](const RankedCharacter& c) { return c.rank == 0; });
    std::sort(begin, end, [](const RankedCharacter& a, const RankedCharacter& b) {
      return std::pair(a.rank, a.position) < std::pair(b.rank, b.position);
    });
    begin = end;
  }
  if (composes_) compose(characters);
  for (const RankedCharacter& c : characters) append_code_point(out, c.code_point);
}

void UnicodeNormalizer::decompose(char32_t c, Characters& out) const {
  const auto put = [&](char32_t part) { out.push_back({part, character_record(part).combining_rank, out.size()}); };
  if (is_hangul_syllable(c)) {
    for_each_jamo(c, put);
    return;
  }
  if (compatible_) {
    if (const auto found = tables_.compatibility.find(c); found != tables_.compatibility.end()) {
      for (const char32_t part : found->second) put(part);
      return;
    }
  }
  if ((character_record(c).flags & kDecomposes) == 0) {
    put(c);
    return;
  }
  for (const char32_t part : decomposition_mapping().find(c)) put(part);
}

// Each character joins the last starter, unless one between them blocks it: of the same rank or a higher one, or a starter.
void UnicodeNormalizer::compose(Characters& characters) const {
  std::size_t starter = characters.size();
  std::size_t kept = 0;
  for (const RankedCharacter c : characters) {
    if (starter < kept) {
      const std::uint8_t last_rank = characters[kept - 1].rank;
      const bool adjacent = kept - 1 == starter;
      const bool blocked = !adjacent && (last_rank == 0 || last_rank >= c.rank);
      if (!blocked) {
        if (const char32_t one = composed(characters[starter].code_point, c.code_point); one != 0) {
          characters[starter].code_point = one;
          continue;
        }
      }
    }
    if (c.rank == 0) starter = kept;
    characters[kept++] = c;
  }
  characters.resize(kept);
}

char32_t UnicodeNormalizer::composed(char32_t first, char32_t second) const {
  if (const char32_t syllable = compose_hangul(first, second); syllable != 0) return syllable;
  const auto found = tables_.compositions.find(std::uint64_t{first} << 32 | second);
  return found == tables_.compositions.end() ? 0 : found->second;
}

}  // namespace

std::unique_ptr<Normalizer> make_unicode_normalizer(NormalizationForm form) {
  return std::make_unique<UnicodeNormalizer>(form);
}

}  // namespace orthant
