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
  utf8proc_int32_t code_point = 0;
};

Character next_character(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80) {
    const unsigned char lower = first | 0x20;
    return {1, (lower >= 'a' && lower <= 'z') || (first >= '0' && first <= '9'), first};
  }
  utf8proc_int32_t code_point = 0;
  const auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                       static_cast<utf8proc_ssize_t>(text.size()), &code_point);
  if (length <= 0) return {};
  return {static_cast<std::size_t>(length), is_word(code_point), code_point};
}

}  // namespace

bool WordTokens::next(std::string& token) {
  token.clear();
  utf8proc_int32_t last = 0;
  std::size_t characters = 0;
  while (!rest_.empty()) {
    const Character character = next_character(rest_);
    rest_.remove_prefix(character.length);
    if (!character.word) {
      if (characters == 0) continue;
      break;
    }
    last = character.code_point;
    ++characters;
    if (last < 0x80) {
      token += static_cast<char>(last >= 'A' && last <= 'Z' ? last | 0x20 : last);
    } else {
      append_lower(last, token);
    }
  }
  // Unicode's one rule of lower-casing by position: a sigma that ends a word.
  if (last == kCapitalSigma && characters > 1) {
    token.resize(token.size() - kSmallSigma.size());
    token += kFinalSigma;
  }
  return characters > 0;
}

std::vector<std::string> word_tokens(std::string_view text) {
  std::vector<std::string> tokens;
  WordTokens reader(text);
  for (std::string token; reader.next(token);) tokens.push_back(token);
  return tokens;
}

}  // namespace orthant
