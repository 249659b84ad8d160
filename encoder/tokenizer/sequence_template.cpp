#include "encoder/tokenizer/sequence_template.h"

#include <algorithm>
#include <utility>

namespace orthant {

using Source = TemplatePart::Source;

SequenceTemplates bert_templates(std::uint32_t start, std::uint32_t end) {
  const TemplatePart first{.source = Source::kFirst};
  const TemplatePart second{.source = Source::kSecond, .type_id = 1};
  return {.single = {{.ids = {start}}, first, {.ids = {end}}},
          .pair = {{.ids = {start}}, first, {.ids = {end}}, second, {.ids = {end}, .type_id = 1}}};
}

SequenceTemplates roberta_templates(std::uint32_t start, std::uint32_t end) {
  const TemplatePart first{.source = Source::kFirst};
  const TemplatePart second{.source = Source::kSecond};
  return {.single = {{.ids = {start}}, first, {.ids = {end}}},
          .pair = {{.ids = {start}}, first, {.ids = {end, end}}, second, {.ids = {end}}}};
}

std::size_t fixed_id_count(const SequenceTemplate& pieces) {
  std::size_t count = 0;
  for (const TemplatePart& piece : pieces) count += piece.ids.size();
  return count;
}

PairLengths longest_first(PairLengths lengths, std::size_t room) {
  if (lengths.first <= room && lengths.second <= room - lengths.first) return lengths;
  const bool first_is_longer = lengths.first > lengths.second;
  std::size_t shorter = std::min(lengths.first, lengths.second);
  std::size_t longer = shorter > room ? shorter : std::max(shorter, room - shorter);
  if (shorter + longer > room) {
    shorter = room / 2;
    longer = room - shorter;
  }
  return first_is_longer ? PairLengths{longer, shorter} : PairLengths{shorter, longer};
}

TokenizedText fill_template(const SequenceTemplate& pieces, std::span<const std::uint32_t> first,
                            std::span<const std::uint32_t> second, bool with_types) {
  TokenizedText result;
  const std::size_t total = first.size() + second.size() + fixed_id_count(pieces);
  result.ids.reserve(total);
  if (with_types) result.type_ids.reserve(total);
  for (const TemplatePart& piece : pieces) {
    const std::span<const std::uint32_t> ids = piece.source == Source::kFirst    ? first
                                               : piece.source == Source::kSecond ? second
                                                                                 : std::span<const std::uint32_t>(piece.ids);
    result.ids.insert(result.ids.end(), ids.begin(), ids.end());
    if (with_types) result.type_ids.insert(result.type_ids.end(), ids.size(), piece.type_id);
  }
  return result;
}

}  // namespace orthant
