#include "engine/payload/word_tokens.h"

#include <utf8proc.h>

namespace orthant {
namespace {

constexpr utf8proc_int32_t kCapitalSigma = 0x3A3;
constexpr utf8proc_int32_t kCapitalIWithDot = 0x130;
constexpr std::string_view kSmallSigma = "\xCF\x83";
constexpr std::string_view kFinalSigma = "\xCF\x82";

bool is_word(utf8proc_int32_t code_point) {
  const utf8proc_category_t category = utf8proc_category(code_point);
  return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
         (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

bool is_space(utf8proc_int32_t code_point) {
  const utf8proc_category_t category = utf8proc_category(code_point);
  const bool separator = category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP;
  return separator || (code_point >= '\t' && code_point <= '\r') || code_point == 0x85;
}

// Scripts that put no spaces between words.
bool stands_alone(utf8proc_int32_t code_point) {
  const auto within = [code_point](utf8proc_int32_t first, utf8proc_int32_t last) {
    return code_point >= first && code_point <= last;
  };
  return within(0xE00, 0xEFF) || within(0x1000, 0x109F) || within(0x1780, 0x17FF) || within(0x3040, 0x30FF) ||
         within(0x3400, 0x9FFF) || within(0xF900, 0xFAFF) || within(0x20000, 0x3FFFF);
}

void append_lower(utf8proc_int32_t code_point, std::string& token) {
  if (code_point == kCapitalIWithDot) {
    token += "i\xCC\x87";
    return;
  }
  utf8proc_uint8_t bytes[4];
  const auto length = utf8proc_encode_char(utf8proc_tolower(code_point), bytes);
  token.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
}

struct Character {
  std::size_t length = 1;
  bool word = false;
  bool alone = false;
  utf8proc_int32_t code_point = 0;
};

Character next_character(std::string_view text, WordBreak word_break) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80) {
    const unsigned char lower = first | 0x20;
    const bool word = word_break == WordBreak::kWhitespace ? first != ' ' && (first < '\t' || first > '\r')
                                                           : (lower >= 'a' && lower <= 'z') || (first >= '0' && first <= '9');
    return {1, word, false, first};
  }
  utf8proc_int32_t code_point = 0;
  const auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                       static_cast<utf8proc_ssize_t>(text.size()), &code_point);
  if (length <= 0) return {};
  const bool word = word_break == WordBreak::kWhitespace ? !is_space(code_point) : is_word(code_point);
  return {static_cast<std::size_t>(length), word, word_break == WordBreak::kScripts && stands_alone(code_point), code_point};
}

}  // namespace

bool WordTokens::next(std::string& token) {
  token.clear();
  utf8proc_int32_t last = 0;
  std::size_t characters = 0;
  bool alone = false;
  while (!rest_.empty() && !alone) {
    const Character character = next_character(rest_, break_);
    alone = character.word && character.alone;
    if (alone && characters > 0) break;
    const std::string_view bytes = rest_.substr(0, character.length);
    rest_.remove_prefix(character.length);
    if (!character.word) {
      if (characters == 0) continue;
      break;
    }
    last = character.code_point;
    ++characters;
    if (!lower_case_) {
      token += bytes;
    } else if (last < 0x80) {
      token += static_cast<char>(last >= 'A' && last <= 'Z' ? last | 0x20 : last);
    } else {
      append_lower(last, token);
    }
  }
  // Unicode's one rule of lower-casing by position: a sigma that ends a word.
  if (lower_case_ && last == kCapitalSigma && characters > 1) {
    token.resize(token.size() - kSmallSigma.size());
    token += kFinalSigma;
  }
  return characters > 0;
}

}  // namespace orthant
