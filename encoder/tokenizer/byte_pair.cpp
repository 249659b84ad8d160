#include "encoder/tokenizer/byte_pair.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <optional>
#include <queue>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "encoder/tokenizer/byte_alphabet.h"
#include "encoder/tokenizer/utf8.h"

namespace orthant {
namespace {

constexpr std::size_t kByteValues = 256;
// Up to here the next merge is found by looking at all neighbours.
constexpr std::size_t kMaxShortSymbols = 64;

// Token texts as words will spell them; the ones that no word can spell are left out.
struct Spelled {
  std::vector<std::string> texts;  // owns
  std::vector<TokenIndex::Entry> entries;
};

Spelled spell(const BytePairSpec& spec, bool byte_words) {
  Spelled spelled;
  spelled.texts.reserve(spec.vocabulary.size());
  for (const VocabularyEntry& entry : spec.vocabulary) {
    if (!byte_words) {
      spelled.entries.push_back({entry.token, entry.id});
    } else if (auto bytes = bytes_of_byte_level(entry.token)) {
      spelled.texts.push_back(std::move(*bytes));
      spelled.entries.push_back({spelled.texts.back(), entry.id});
    }
  }
  return spelled;
}

std::size_t ids_needed(const BytePairSpec& spec) {
  std::uint32_t largest = 0;
  for (const VocabularyEntry& entry : spec.vocabulary) largest = std::max(largest, entry.id);
  for (const MergeSpec& merge : spec.merges) largest = std::max(largest, merge.merged);
  return std::size_t{largest} + 1;
}

std::vector<std::uint32_t> symbols_by_byte(const TokenIndex& tokens) {
  std::vector<std::uint32_t> symbols;
  for (std::size_t byte = 0; byte < kByteValues; ++byte) {
    const char text = static_cast<char>(byte);
    symbols.push_back(tokens.find({&text, 1}));
  }
  return symbols;
}

std::vector<std::uint32_t> symbols_by_character(const std::vector<VocabularyEntry>& vocabulary) {
  std::vector<std::uint32_t> symbols;
  for (const VocabularyEntry& entry : vocabulary) {
    if (entry.token.empty()) continue;
    std::size_t end = 0;
    const char32_t character = decode_code_point(entry.token, end);
    if (end != entry.token.size()) continue;
    if (character >= symbols.size()) symbols.resize(character + 1, TokenIndex::kNone);
    symbols[character] = entry.id;
  }
  return symbols;
}

std::vector<std::uint32_t> fallback_symbols(const TokenIndex& tokens) {
  std::vector<std::uint32_t> symbols;
  for (std::size_t byte = 0; byte < kByteValues; ++byte) symbols.push_back(tokens.find(fmt::format("<0x{:02X}>", byte)));
  return symbols;
}

constexpr std::string_view kBlock = "\xE2\x96\x81";  // U+2581, which stands for a blank

char32_t last_character(std::string_view text) {
  std::size_t position = code_point_begin_before(text, text.size());
  return decode_code_point(text, position);
}

// What BytePair::joined_before_block_ holds. Tokens that stand for other characters than they are spelled with (bytes, the unknown
// one) must not be merged, and the block must be a token: then it cannot become one of them.
std::optional<std::set<char32_t>> characters_joined_to_block(const BytePairSpec& spec, const TokenIndex& tokens,
                                                             const std::vector<std::uint32_t>& fallback) {
  if (tokens.find(kBlock) == TokenIndex::kNone || !spec.continuing_prefix.empty() || !spec.end_of_word_suffix.empty()) {
    return std::nullopt;
  }
  std::unordered_map<std::uint32_t, std::string_view> texts;
  for (const VocabularyEntry& entry : spec.vocabulary) texts.emplace(entry.id, entry.token);
  std::unordered_set<std::uint32_t> others(fallback.begin(), fallback.end());
  if (spec.unknown_id) others.insert(*spec.unknown_id);
  std::set<char32_t> joined;
  for (const MergeSpec& merge : spec.merges) {
    if (others.contains(merge.left) || others.contains(merge.right)) return std::nullopt;
    const std::string_view left = texts.at(merge.left);
    if (!left.empty() && texts.at(merge.right).starts_with(kBlock)) joined.insert(last_character(left));
  }
  return joined;
}

}  // namespace

BytePair::Merges::Merges(const std::vector<MergeSpec>& merges) : slots_(std::bit_ceil(2 * merges.size() + 2)) {
  for (std::uint32_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right, merged] = merges[rank];
    // Of equal merges the last one counts.
    slots_[slot_of(left, right)] = {left, right, {rank, merged}};
  }
}

std::size_t BytePair::Merges::slot_of(std::uint32_t left, std::uint32_t right) const {
  const std::size_t mask = slots_.size() - 1;
  const std::uint64_t key = std::uint64_t{left} << 32 | right;
  for (std::size_t i = (key * 0x9E3779B97F4A7C15 >> 32) & mask;; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.left == kNone || (slot.left == left && slot.right == right)) return i;
  }
}

BytePair::Merge BytePair::Merges::find(std::uint32_t left, std::uint32_t right) const {
  return slots_[slot_of(left, right)].merge;
}

bool BytePair::can_take_bytes(const BytePairSpec& spec) {
  if (!spec.continuing_prefix.empty() || !spec.end_of_word_suffix.empty()) return false;
  std::array<bool, kByteValues> known{};
  for (const VocabularyEntry& entry : spec.vocabulary) {
    const auto bytes = entry.token.size() <= 2 ? bytes_of_byte_level(entry.token) : std::nullopt;
    if (bytes && bytes->size() == 1) known[static_cast<std::uint8_t>(bytes->front())] = true;
  }
  return std::ranges::all_of(known, [](bool is_known) { return is_known; });
}

BytePair::BytePair(const BytePairSpec& spec, bool byte_words)
    : tokens_(spell(spec, byte_words).entries),
      merges_(spec.merges),
      whole_(std::make_unique<std::atomic<Whole>[]>(ids_needed(spec))),
      prefix_(spec.continuing_prefix),
      suffix_(spec.end_of_word_suffix),
      unknown_id_(spec.unknown_id.value_or(kNone)),
      fuse_unknown_(spec.fuse_unknown),
      ignore_merges_(spec.ignore_merges) {
  if (byte_words) {
    by_byte_ = symbols_by_byte(tokens_);
  } else {
    by_character_ = symbols_by_character(spec.vocabulary);
    if (spec.byte_fallback) fallback_ = fallback_symbols(tokens_);
    joined_before_block_ = characters_joined_to_block(spec, tokens_, fallback_);
  }
}

void BytePair::append_ids(std::string_view word, std::vector<std::uint32_t>& ids) const {
  if (ignore_merges_) {
    if (const std::uint32_t token = tokens_.find(word); token != kNone) {
      ids.push_back(token);
      return;
    }
  }
  for (std::size_t begin = 0; begin < word.size();) {
    const std::size_t end = next_cut(word, begin);
    append_part(word.substr(begin, end - begin), ids);
    begin = end;
  }
}

std::size_t BytePair::next_cut(std::string_view word, std::size_t from) const {
  if (!joined_before_block_) return word.size();
  std::size_t cut = word.find(kBlock, from + 1);
  while (cut != std::string_view::npos && joined_before_block_->contains(last_character(word.substr(0, cut)))) {
    cut = word.find(kBlock, cut + 1);
  }
  return std::min(cut, word.size());
}

void BytePair::append_part(std::string_view part, std::vector<std::uint32_t>& ids) const {
  const std::uint32_t token = tokens_.find(part);
  if (token == kNone) {
    append_merged(part, ids);
    return;
  }
  // Relaxed: whoever finds nothing known finds out again, with the same result.
  const Whole whole = whole_[token].load(std::memory_order_relaxed);
  if (whole == Whole::kYes) {
    ids.push_back(token);
    return;
  }
  const std::size_t before = ids.size();
  append_merged(part, ids);
  if (whole != Whole::kUnknown) return;
  const bool is_whole = ids.size() == before + 1 && ids.back() == token;
  whole_[token].store(is_whole ? Whole::kYes : Whole::kNo, std::memory_order_relaxed);
}

void BytePair::append_merged(std::string_view word, std::vector<std::uint32_t>& ids) const {
  const std::size_t begin = ids.size();
  append_symbols(word, ids);
  const std::size_t count = ids.size() - begin;
  if (count > kMaxShortSymbols) {
    merge_long(ids, begin);
  } else if (count > 1) {
    ids.resize(begin + merge_short(ids.data() + begin, count));
  }
}

void BytePair::append_symbols(std::string_view word, std::vector<std::uint32_t>& symbols) const {
  if (by_byte_.empty()) {
    append_character_symbols(word, symbols);
    return;
  }
  for (const char byte : word) symbols.push_back(by_byte_[static_cast<std::uint8_t>(byte)]);
}

// A character that is no token becomes its bytes' tokens, if the vocabulary falls back on bytes and has them all; else the unknown
// token, if there is one; else nothing. An unknown token waits for those that come right after it, to be one with them where they
// are fused; bytes of a later character overtake it (so they do in `tokenizers`).
void BytePair::append_character_symbols(std::string_view word, std::vector<std::uint32_t>& symbols) const {
  bool unknown_waits = false;
  std::string spelled;
  for (std::size_t begin = 0, end = 0; begin < word.size(); begin = end) {
    decode_code_point(word, end);
    const std::uint32_t symbol = symbol_of(word.substr(begin, end - begin), begin == 0, end == word.size(), spelled);
    if (symbol != kNone) {
      if (unknown_waits) symbols.push_back(unknown_id_);
      unknown_waits = false;
      symbols.push_back(symbol);
    } else if (!append_byte_fallback(spelled.empty() ? word.substr(begin, end - begin) : std::string_view(spelled), symbols) &&
               unknown_id_ != kNone) {
      if (unknown_waits && !fuse_unknown_) symbols.push_back(unknown_id_);
      unknown_waits = true;
    }
  }
  if (unknown_waits) symbols.push_back(unknown_id_);
}

// `spelled` is left empty where the character stands in the vocabulary as it is in the word.
std::uint32_t BytePair::symbol_of(std::string_view character, bool first, bool last, std::string& spelled) const {
  spelled.clear();
  const bool prefixed = !first && !prefix_.empty();
  const bool suffixed = last && !suffix_.empty();
  if (!prefixed && !suffixed) {
    std::size_t position = 0;
    const char32_t code_point = decode_code_point(character, position);
    return code_point < by_character_.size() ? by_character_[code_point] : kNone;
  }
  if (prefixed) spelled += prefix_;
  spelled += character;
  if (suffixed) spelled += suffix_;
  return tokens_.find(spelled);
}

bool BytePair::append_byte_fallback(std::string_view spelled, std::vector<std::uint32_t>& symbols) const {
  if (fallback_.empty()) return false;
  const auto symbol = [&](char byte) { return fallback_[static_cast<std::uint8_t>(byte)]; };
  if (std::ranges::any_of(spelled, [&](char byte) { return symbol(byte) == kNone; })) return false;
  for (const char byte : spelled) symbols.push_back(symbol(byte));
  return true;
}

// In place; how many symbols are left.
std::size_t BytePair::merge_short(std::uint32_t* symbols, std::size_t count) const {
  std::array<Merge, kMaxShortSymbols> merges;  // of symbols i and i + 1
  for (std::size_t i = 0; i + 1 < count; ++i) merges[i] = merges_.find(symbols[i], symbols[i + 1]);
  while (count > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i) {
      if (merges[i].rank < merges[best].rank) best = i;
    }
    if (merges[best].rank == kNone) break;
    symbols[best] = merges[best].merged;
    std::copy(symbols + best + 2, symbols + count, symbols + best + 1);
    std::copy(merges.begin() + static_cast<std::ptrdiff_t>(best) + 1, merges.begin() + static_cast<std::ptrdiff_t>(count) - 1,
              merges.begin() + static_cast<std::ptrdiff_t>(best));
    --count;
    if (best > 0) merges[best - 1] = merges_.find(symbols[best - 1], symbols[best]);
    if (best + 1 < count) merges[best] = merges_.find(symbols[best], symbols[best + 1]);
  }
  return count;
}

// Symbols are linked; the heap holds (rank, place of the left one) of every possible merge. An entry is stale if its place has
// another merge by now.
void BytePair::merge_long(std::vector<std::uint32_t>& symbols, std::size_t begin) const {
  struct Link {
    std::uint32_t symbol, previous, next, rank, merged;  // rank, merged: of it and the next one
  };
  const auto count = static_cast<std::uint32_t>(symbols.size() - begin);
  std::vector<Link> links(count);
  std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> heap;
  const auto look_up = [&](std::uint32_t i) {
    Link& link = links[i];
    const Merge merge = link.next == kNone ? Merge{} : merges_.find(link.symbol, links[link.next].symbol);
    link.rank = merge.rank;
    link.merged = merge.merged;
    if (merge.rank != kNone) heap.push(std::uint64_t{merge.rank} << 32 | i);
  };
  for (std::uint32_t i = 0; i < count; ++i) {
    links[i] = {symbols[begin + i], i == 0 ? kNone : i - 1, i + 1 == count ? kNone : i + 1, kNone, kNone};
  }
  for (std::uint32_t i = 0; i < count; ++i) look_up(i);
  while (!heap.empty()) {
    const std::uint64_t top = heap.top();
    heap.pop();
    const auto i = static_cast<std::uint32_t>(top);
    Link& link = links[i];
    if (link.rank == kNone || link.rank != top >> 32) continue;
    Link& gone = links[link.next];
    link.symbol = link.merged;
    link.next = gone.next;
    gone.rank = kNone;
    if (link.next != kNone) links[link.next].previous = i;
    look_up(i);
    if (link.previous != kNone) look_up(link.previous);
  }
  symbols.resize(begin);
  for (std::uint32_t i = 0; i != kNone; i = links[i].next) symbols.push_back(links[i].symbol);
}

}  // namespace orthant
