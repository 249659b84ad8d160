#pragma once
// The alphabet of byte-level tokenizers: a printable character for each byte. Printable Latin-1 bytes stand for themselves, the
// others for U+0100 and on, in order (as GPT-2's tokenizer has it). Constant data, any thread.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace orthant {

// By byte.
const std::array<char32_t, 256>& byte_alphabet();

void append_byte_level(std::string_view text, std::string& out);

// The bytes that a byte-level text stands for; nothing where a character of it stands for none.
std::optional<std::string> bytes_of_byte_level(std::string_view text);

}  // namespace orthant
