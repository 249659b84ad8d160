#include "encoder/tokenizer/bert_pre_tokenizer.h"

#include <array>
#include <cstdint>

#include "encoder/tokenizer/character_tables.h"
#include "encoder/tokenizer/utf8.h"

namespace orthant {
namespace {

constexpr std::uint8_t kSplits = kWhitespace | kPunctuation;

std::array<std::uint8_t, 128> make_ascii_flags() {
  std::array<std::uint8_t, 128> flags{};
  for (char32_t c = 0; c < 128; ++c) flags[c] = character_record(c).flags & kSplits;
  return flags;
}
const std::array<std::uint8_t, 128> kAsciiFlags = make_ascii_flags();

// kWhitespace, kPunctuation or 0, for the character at `position`; moves `next` past it.
std::uint8_t splitting_flags(std::string_view text, std::size_t position, std::size_t& next) {
  const auto byte = static_cast<std::uint8_t>(text[position]);
  if (byte < 0x80) {
    next = position + 1;
    return kAsciiFlags[byte];
  }
  next = position;
  return character_record(decode_code_point(text, next)).flags & kSplits;
}

}  // namespace

std::string_view BertPreTokenizer::next_word(std::string_view text, std::size_t& position) {
  std::size_t next = position;
  std::uint8_t flags = kWhitespace;
  for (; position < text.size(); position = next) {
    flags = splitting_flags(text, position, next);
    if ((flags & kWhitespace) == 0) break;
  }
  const std::size_t begin = position;
  if (begin == text.size()) return {};
  position = next;
  if (flags != 0) return text.substr(begin, position - begin);
  for (; position < text.size(); position = next) {
    if (splitting_flags(text, position, next) != 0) break;
  }
  return text.substr(begin, position - begin);
}

}  // namespace orthant
