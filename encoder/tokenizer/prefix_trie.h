#pragma once
// PrefixTrie: a fixed set of byte strings with values, asked for the longest one that a text begins with. A double-array trie: one
// look-up in one array for each byte of the match. Immutable after build, any thread.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace orthant {

class PrefixTrie {
 public:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  struct Entry {
    std::string_view key;
    std::uint32_t value;  // not kNone
  };
  struct Match {
    std::size_t bytes = 0;
    std::uint32_t value = kNone;  // kNone: no key matches
  };

  // Of equal keys the last one counts; empty keys are left out. Keys are copied.
  explicit PrefixTrie(const std::vector<Entry>& entries);

  Match longest_prefix(std::string_view text) const {
    Match match;
    std::uint32_t node = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const std::uint32_t child = nodes_[node].children + static_cast<std::uint8_t>(text[i]);
      if (nodes_[child].parent != node) break;
      node = child;
      if (nodes_[node].value != kNone) match = {i + 1, nodes_[node].value};
    }
    return match;
  }

  // Calls visit(bytes, value) for every key that `text` begins with, shortest first.
  template <typename Visit>
  void for_each_prefix(std::string_view text, Visit visit) const {
    std::uint32_t node = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const std::uint32_t child = nodes_[node].children + static_cast<std::uint8_t>(text[i]);
      if (nodes_[child].parent != node) break;
      node = child;
      if (nodes_[node].value != kNone) visit(i + 1, nodes_[node].value);
    }
  }

  // The value of exactly this key, or kNone.
  std::uint32_t find(std::string_view key) const;

 private:
  class Builder;

  // The child by byte b stands at children + b, if its parent says so. Past every `children` stand 256 nodes. No node has an
  // unused place or the root for its child: their parent is kNone.
  struct Node {
    std::uint32_t children = 0;
    std::uint32_t parent = kNone;
    std::uint32_t value = kNone;
  };
  std::vector<Node> nodes_;
};

}  // namespace orthant
