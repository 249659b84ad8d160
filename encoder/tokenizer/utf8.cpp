#include "encoder/tokenizer/utf8.h"

#include <algorithm>

#include <simdjson.h>

namespace orthant {
namespace {

std::uint8_t byte_at(std::string_view bytes, std::size_t position) {
  return static_cast<std::uint8_t>(bytes[position]);
}

// What may follow a lead byte (Unicode, table 3-7): the number of continuation bytes, and the range of the first of them.
struct Lead {
  std::size_t continuations = 0;
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xBF;
};

// 0 continuations for bytes that can never lead a sequence.
Lead lead_of(std::uint8_t byte) {
  if (byte >= 0xC2 && byte <= 0xDF) return {1};
  if (byte == 0xE0) return {2, 0xA0};
  if (byte == 0xED) return {2, 0x80, 0x9F};  // no surrogates
  if (byte >= 0xE1 && byte <= 0xEF) return {2};
  if (byte == 0xF0) return {3, 0x90};
  if (byte >= 0xF1 && byte <= 0xF3) return {3};
  if (byte == 0xF4) return {3, 0x80, 0x8F};
  return {};
}

struct Sequence {
  std::size_t bytes;
  bool valid;
};

// The sequence at `position`, or the maximal part of one that must be replaced as a whole.
Sequence sequence_at(std::string_view bytes, std::size_t position) {
  const std::uint8_t first = byte_at(bytes, position);
  if (first < 0x80) return {1, true};
  Lead lead = lead_of(first);
  if (lead.continuations == 0) return {1, false};
  for (std::size_t i = 1; i <= lead.continuations; ++i) {
    if (position + i >= bytes.size()) return {i, false};
    const std::uint8_t next = byte_at(bytes, position + i);
    if (next < lead.low || next > lead.high) return {i, false};
    lead.low = 0x80;
    lead.high = 0xBF;
  }
  return {lead.continuations + 1, true};
}

}  // namespace

bool is_valid_utf8(std::string_view bytes) {
  return simdjson::validate_utf8(bytes.data(), bytes.size());
}

std::string replace_invalid_utf8(std::string_view bytes) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t position = 0; position < bytes.size();) {
    const Sequence sequence = sequence_at(bytes, position);
    out.append(sequence.valid ? bytes.substr(position, sequence.bytes) : kReplacement);
    position += sequence.bytes;
  }
  return out;
}

std::size_t count_code_points(std::string_view text) {
  const auto starts = [](char byte) { return (static_cast<std::uint8_t>(byte) & 0xC0) != 0x80; };
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts));
}

}  // namespace orthant
