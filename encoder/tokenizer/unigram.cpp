#include "encoder/tokenizer/unigram.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "encoder/tokenizer/utf8.h"

namespace orthant {
namespace {

constexpr double kUnknownPenalty = 10;
// Words up to here need no memory from the heap.
constexpr std::size_t kMaxShortBytes = 128;

std::vector<PrefixTrie::Entry> entries_of(const UnigramSpec& spec) {
  std::vector<PrefixTrie::Entry> entries;
  entries.reserve(spec.vocabulary.size());
  for (const VocabularyEntry& entry : spec.vocabulary) entries.push_back({entry.token, entry.id});
  return entries;
}

}  // namespace

Unigram::Unigram(const UnigramSpec& spec) : pieces_(entries_of(spec)), scores_(spec.scores), unknown_id_(spec.unknown_id) {
  double smallest = std::numeric_limits<double>::infinity();
  for (const double score : scores_) smallest = std::min(smallest, score);
  unknown_score_ = smallest - kUnknownPenalty;
  if (!spec.byte_fallback) return;
  for (int byte = 0; byte < 256; ++byte) fallback_.push_back(pieces_.find(fmt::format("<0x{:02X}>", byte)));
}

void Unigram::find_best(std::string_view word, Step* steps) const {
  for (std::size_t begin = 0; begin < word.size();) {
    std::size_t after_character = begin;
    decode_code_point(word, after_character);
    const double score = steps[begin].score;
    const auto offer = [&](std::size_t end, double piece_score, std::uint32_t id) {
      Step& step = steps[end];
      if (step.begin != kUnreached && score + piece_score <= step.score) return;
      step = {score + piece_score, static_cast<std::uint32_t>(begin), id};
    };
    bool character_is_piece = false;
    pieces_.for_each_prefix(word.substr(begin), [&](std::size_t bytes, std::uint32_t id) {
      offer(begin + bytes, scores_[id], id);
      character_is_piece = character_is_piece || begin + bytes == after_character;
    });
    if (!character_is_piece) offer(after_character, unknown_score_, unknown_id_);
    begin = after_character;
  }
}

// Back from the end; unknown characters in a row are one.
void Unigram::append_ids(std::string_view word, std::vector<std::uint32_t>& ids) const {
  std::array<Step, kMaxShortBytes + 1> short_steps;
  std::vector<Step> long_steps;
  Step* steps = short_steps.data();
  if (word.size() > kMaxShortBytes) {
    long_steps.resize(word.size() + 1);
    steps = long_steps.data();
  }
  std::fill_n(steps, word.size() + 1, Step{0, kUnreached, 0});
  find_best(word, steps);
  const std::size_t before = ids.size();
  for (std::size_t end = word.size(); end > 0;) {
    std::size_t begin = steps[end].begin;
    if (steps[end].id != unknown_id_) {
      ids.push_back(steps[end].id);
    } else {
      while (begin > 0 && steps[begin].id == unknown_id_) begin = steps[begin].begin;
      append_unknown(word.substr(begin, end - begin), ids);
    }
    end = begin;
  }
  std::reverse(ids.begin() + static_cast<std::ptrdiff_t>(before), ids.end());
}

// What is unknown as parts may be a piece as a whole. Backwards, as all of the word.
void Unigram::append_unknown(std::string_view unknown, std::vector<std::uint32_t>& ids) const {
  const auto byte_id = [&](char byte) { return fallback_[static_cast<std::uint8_t>(byte)]; };
  const std::uint32_t whole = pieces_.find(unknown);
  if (whole != PrefixTrie::kNone) {
    ids.push_back(whole);
  } else if (!fallback_.empty() && std::ranges::none_of(unknown, [&](char byte) { return byte_id(byte) == PrefixTrie::kNone; })) {
    for (auto byte = unknown.rbegin(); byte != unknown.rend(); ++byte) ids.push_back(byte_id(*byte));
  } else {
    ids.push_back(unknown_id_);
  }
}

}  // namespace orthant
