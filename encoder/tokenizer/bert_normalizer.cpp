#include "encoder/tokenizer/bert_normalizer.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "encoder/tokenizer/character_tables.h"
#include "encoder/tokenizer/hangul.h"
#include "encoder/tokenizer/utf8.h"

namespace orthant {
namespace {

// The end of the run of ASCII that starts at `position`.
std::size_t ascii_end(std::string_view text, std::size_t position) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  for (std::uint64_t word; position + sizeof word <= text.size(); position += sizeof word) {
    std::memcpy(&word, text.data() + position, sizeof word);
    if ((word & kHighBits) != 0) break;
  }
  while (position < text.size() && static_cast<std::uint8_t>(text[position]) < 0x80) ++position;
  return position;
}

std::uint8_t interesting_flags(const BertNormalizerOptions& options) {
  int flags = 0;
  if (options.clean_text) flags |= kCleaned | kWhitespace;
  if (options.handle_chinese_chars) flags |= kChinese;
  if (options.strip_accents.value_or(options.lowercase)) flags |= kAccent | kDecomposes;
  if (options.lowercase) flags |= kLowers;
  return static_cast<std::uint8_t>(flags);
}

}  // namespace

BertNormalizer::BertNormalizer(const BertNormalizerOptions& options)
    : clean_text_(options.clean_text),
      handle_chinese_chars_(options.handle_chinese_chars),
      strip_accents_(options.strip_accents.value_or(options.lowercase)),
      lowercase_(options.lowercase),
      flags_of_interest_(interesting_flags(options)) {
  for (char32_t c = 0; c < 128; ++c) {
    const std::uint8_t flags = character_record(c).flags;
    ascii_kept_[c] = !(clean_text_ && (flags & kCleaned) != 0);
    ascii_mapping_[c] = static_cast<char>(lowercase_ && (flags & kLowers) != 0 ? c + ('a' - 'A') : c);
    if (clean_text_ && (flags & kWhitespace) != 0) ascii_mapping_[c] = ' ';
  }
}

void BertNormalizer::append_normalized(std::string_view text, std::string& out) const {
  PendingMarks pending;
  for (std::size_t position = 0; position < text.size();) {
    if (pending.empty()) {
      const std::size_t end = ascii_end(text, position);
      append_ascii(text.substr(position, end - position), out);
      position = end;
      if (position == text.size()) break;
    }
    const std::size_t begin = position;
    const char32_t code_point = decode_code_point(text, position);
    const CharacterRecord record = character_record(code_point);
    if (pending.empty() && (record.flags & flags_of_interest_) == 0 && record.combining_rank == 0) {
      out.append(text, begin, position - begin);
    } else {
      append_character(code_point, pending, out);
    }
  }
  flush(pending, out);
}

void BertNormalizer::append_ascii(std::string_view run, std::string& out) const {
  const std::size_t before = out.size();
  out.resize_and_overwrite(before + run.size(), [&](char* data, std::size_t) {
    char* to = data + before;
    for (const char c : run) {
      const auto i = static_cast<std::size_t>(c);
      *to = ascii_mapping_[i];
      to += ascii_kept_[i] ? 1 : 0;
    }
    return static_cast<std::size_t>(to - data);
  });
}

void BertNormalizer::append_character(char32_t code_point, PendingMarks& pending, std::string& out) const {
  const std::uint8_t flags = character_record(code_point).flags;
  if (clean_text_) {
    if ((flags & kCleaned) != 0) return;
    if ((flags & kWhitespace) != 0) code_point = ' ';
  }
  const bool chinese = handle_chinese_chars_ && (flags & kChinese) != 0;
  if (chinese) {
    flush(pending, out);
    out.push_back(' ');
  }
  if (strip_accents_) {
    append_stripped(code_point, pending, out);
  } else {
    append_lowered(code_point, out);
  }
  if (chinese) out.push_back(' ');
}

void BertNormalizer::append_stripped(char32_t code_point, PendingMarks& pending, std::string& out) const {
  if ((character_record(code_point).flags & kDecomposes) == 0) {
    append_part(code_point, pending, out);
  } else if (is_hangul_syllable(code_point)) {
    for_each_jamo(code_point, [&](char32_t jamo) { append_part(jamo, pending, out); });
  } else {
    for (const char32_t part : decomposition_mapping().find(code_point)) append_part(part, pending, out);
  }
}

// One character of the decomposed text. NFD sorts each run of non-starters by combining class, stably; dropping the nonspacing
// ones before the sort leaves the order of the others as it would be.
void BertNormalizer::append_part(char32_t code_point, PendingMarks& pending, std::string& out) const {
  const CharacterRecord record = character_record(code_point);
  const bool dropped = (record.flags & kAccent) != 0;
  if (record.combining_rank != 0) {
    if (!dropped) pending.push_back({record.combining_rank, pending.size(), code_point});
    return;
  }
  flush(pending, out);
  if (!dropped) append_lowered(code_point, out);
}

void BertNormalizer::append_lowered(char32_t code_point, std::string& out) const {
  if (lowercase_ && (character_record(code_point).flags & kLowers) != 0) {
    for (const char32_t lowered : lowercase_mapping().find(code_point)) append_code_point(out, lowered);
  } else {
    append_code_point(out, code_point);
  }
}

void BertNormalizer::flush(PendingMarks& pending, std::string& out) const {
  if (pending.empty()) return;
  std::ranges::sort(pending);
  for (const Mark& mark : pending) append_lowered(mark.code_point, out);
  pending.clear();
}

}  // namespace orthant
