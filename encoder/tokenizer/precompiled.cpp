#include "encoder/tokenizer/precompiled.h"

#include <array>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "encoder/tokenizer/grapheme.h"
#include "encoder/tokenizer/utf8.h"

namespace orthant {
namespace {

constexpr std::size_t kMaxClusterBytes = 5;  // longer ones are taken character by character

// A unit of the trie, as the Darts-clone library packs it.
class Unit {
 public:
  explicit Unit(std::uint32_t bits) : bits_(bits) {}
  bool has_leaf() const { return (bits_ >> 8 & 1) != 0; }
  std::uint32_t value() const { return bits_ & 0x7FFFFFFF; }
  std::uint32_t label() const { return bits_ & (0x80000000 | 0xFF); }
  std::uint32_t offset() const { return bits_ >> 10 << (bits_ >> 6 & 8); }

 private:
  std::uint32_t bits_;
};

class Precompiled final : public Normalizer {
 public:
  Precompiled(std::vector<std::uint32_t> units, std::string texts) : units_(std::move(units)), texts_(std::move(texts)) {
    for (std::size_t i = 0; i < ascii_.size(); ++i) {
      const char c = static_cast<char>(i);
      ascii_[i] = find(std::string_view(&c, 1));
    }
  }

  void append_normalized(std::string_view text, std::string& out) const override;

 private:
  // What the shortest text that `key` begins with becomes; nothing where there is none.
  std::optional<std::string_view> find(std::string_view key) const;
  void append_cluster(std::string_view cluster, std::string& out) const;
  void append_characters(std::string_view cluster, std::string& out) const;

  const std::vector<std::uint32_t> units_;
  const std::string texts_;
  std::array<std::optional<std::string_view>, 128> ascii_;
};

std::optional<std::string_view> Precompiled::find(std::string_view key) const {
  std::size_t node = Unit(units_.front()).offset();
  for (const char c : key) {
    if (c == 0) return std::nullopt;
    node ^= static_cast<std::uint8_t>(c);
    if (node >= units_.size()) return std::nullopt;
    const Unit unit(units_[node]);
    if (unit.label() != static_cast<std::uint8_t>(c)) return std::nullopt;
    node ^= unit.offset();
    if (!unit.has_leaf()) continue;
    if (node >= units_.size()) return std::nullopt;
    const std::size_t begin = Unit(units_[node]).value();
    if (begin > texts_.size() || !begins_character(texts_, begin)) return std::nullopt;
    return std::string_view(texts_).substr(begin, texts_.find('\0', begin) - begin);
  }
  return std::nullopt;
}

bool is_ascii(char c) {
  return static_cast<std::uint8_t>(c) < 0x80;
}

void Precompiled::append_normalized(std::string_view text, std::string& out) const {
  for (std::size_t position = 0; position < text.size();) {
    const char c = text[position];
    // Between ASCII characters only CR and LF join.
    if (is_ascii(c) && c != '\r' && (position + 1 == text.size() || is_ascii(text[position + 1]))) {
      if (const auto& mapped = ascii_[static_cast<std::size_t>(c)]) {
        out += *mapped;
      } else {
        out.push_back(c);
      }
      ++position;
      continue;
    }
    const std::size_t end = grapheme_end(text, position);
    append_cluster(text.substr(position, end - position), out);
    position = end;
  }
}

void Precompiled::append_cluster(std::string_view cluster, std::string& out) const {
  if (cluster.size() <= kMaxClusterBytes) {
    if (const auto mapped = find(cluster)) {
      out += *mapped;
      return;
    }
  }
  append_characters(cluster, out);
}

void Precompiled::append_characters(std::string_view cluster, std::string& out) const {
  for (std::size_t position = 0; position < cluster.size();) {
    const std::size_t begin = position;
    decode_code_point(cluster, position);
    const std::string_view character = cluster.substr(begin, position - begin);
    out += find(character).value_or(character);
  }
}

}  // namespace

Result<std::unique_ptr<Normalizer>> make_precompiled(std::string_view charsmap) {
  std::uint32_t trie_bytes = 0;
  if (charsmap.size() < sizeof trie_bytes) return invalid_argument("a charsmap of less than four bytes");
  std::memcpy(&trie_bytes, charsmap.data(), sizeof trie_bytes);
  charsmap.remove_prefix(sizeof trie_bytes);
  if (trie_bytes == 0 || trie_bytes % sizeof(std::uint32_t) != 0 || trie_bytes > charsmap.size()) {
    return invalid_argument(fmt::format("a charsmap with a trie of {} bytes in {}", trie_bytes, charsmap.size()));
  }
  std::vector<std::uint32_t> units(trie_bytes / sizeof(std::uint32_t));
  std::memcpy(units.data(), charsmap.data(), trie_bytes);
  charsmap.remove_prefix(trie_bytes);
  if (!is_valid_utf8(charsmap)) return invalid_argument("a charsmap whose texts are not UTF-8");
  return std::make_unique<Precompiled>(std::move(units), std::string(charsmap));
}

}  // namespace orthant
