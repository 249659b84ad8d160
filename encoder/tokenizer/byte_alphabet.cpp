#include "encoder/tokenizer/byte_alphabet.h"

#include "encoder/tokenizer/utf8.h"

namespace orthant {
namespace {

bool stands_for_itself(char32_t byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr char32_t kFirstOther = 0x100;

std::array<char32_t, 256> make_alphabet() {
  std::array<char32_t, 256> alphabet{};
  char32_t other = kFirstOther;
  for (char32_t byte = 0; byte < 256; ++byte) alphabet[byte] = stands_for_itself(byte) ? byte : other++;
  return alphabet;
}

struct ByteOfCharacter {
  static constexpr std::uint16_t kNone = 256;
  std::array<std::uint16_t, 0x180> bytes{};

  ByteOfCharacter() {
    bytes.fill(kNone);
    for (std::uint16_t byte = 0; byte < 256; ++byte) bytes[byte_alphabet()[byte]] = byte;
  }
};

}  // namespace

const std::array<char32_t, 256>& byte_alphabet() {
  static const std::array<char32_t, 256> alphabet = make_alphabet();
  return alphabet;
}

void append_byte_level(std::string_view text, std::string& out) {
  const auto& alphabet = byte_alphabet();
  for (const char byte : text) append_code_point(out, alphabet[static_cast<std::uint8_t>(byte)]);
}

std::optional<std::string> bytes_of_byte_level(std::string_view text) {
  static const ByteOfCharacter table;
  std::string bytes;
  for (std::size_t position = 0; position < text.size();) {
    const char32_t c = decode_code_point(text, position);
    if (c >= table.bytes.size() || table.bytes[c] == ByteOfCharacter::kNone) return std::nullopt;
    bytes.push_back(static_cast<char>(table.bytes[c]));
  }
  return bytes;
}

}  // namespace orthant
