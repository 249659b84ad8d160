#include "encoder/tokenizer/prefix_trie.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

namespace orthant {
namespace {

constexpr std::size_t kByteValues = 256;
// How many free places are tried for a node's children before they go to the end: bounds the time to build, costs some memory.
constexpr std::size_t kMaxTries = 64;

}  // namespace

// Places the nodes level by level: each step takes a node with the sorted keys below it and gives its children their places.
class PrefixTrie::Builder {
 public:
  Builder(std::span<const Entry> sorted, std::vector<Node>& nodes) : sorted_(sorted), nodes_(nodes) {
    grow(1);
    use(0);  // the root
  }

  void build() {
    if (!sorted_.empty()) next_level_.push_back({0, 0, sorted_.size()});
    for (std::size_t depth = 0; !next_level_.empty(); ++depth) {
      for (const Work& work : std::exchange(next_level_, {})) place_children(work, depth);
    }
    nodes_.resize(nodes_.size() + kByteValues);
  }

 private:
  struct Work {
    std::uint32_t node;
    std::size_t begin, end;  // the keys below the node
  };
  struct Child {
    std::uint8_t byte;
    std::size_t begin, end;
  };

  void grow(std::size_t size) {
    if (nodes_.size() >= size) return;
    nodes_.resize(size);
    while (free_at_or_after_.size() <= size) free_at_or_after_.push_back(static_cast<std::uint32_t>(free_at_or_after_.size()));
  }

  void use(std::size_t place) { free_at_or_after_[place] = static_cast<std::uint32_t>(place + 1); }

  // Follows the links from used places on, and shortens them. All places past the end are free.
  std::size_t next_free(std::size_t place) {
    while (place < nodes_.size() && free_at_or_after_[place] != place) {
      free_at_or_after_[place] = free_at_or_after_[free_at_or_after_[place]];
      place = free_at_or_after_[place];
    }
    return place;
  }

  bool is_free(std::size_t place) const { return place >= nodes_.size() || free_at_or_after_[place] == place; }

  std::vector<Child> children_of(const Work& work, std::size_t depth) const {
    std::vector<Child> children;
    for (std::size_t i = work.begin; i < work.end; ++i) {
      if (sorted_[i].key.size() == depth) continue;  // ends here
      const auto byte = static_cast<std::uint8_t>(sorted_[i].key[depth]);
      if (children.empty() || children.back().byte != byte) children.push_back({byte, i, i});
      children.back().end = i + 1;
    }
    return children;
  }

  std::size_t find_base(std::span<const Child> children) {
    const std::size_t first = children.front().byte;
    std::size_t place = next_free(first);
    for (std::size_t tries = 0; place < nodes_.size() && tries < kMaxTries; ++tries, place = next_free(place + 1)) {
      const std::size_t base = place - first;
      if (std::ranges::all_of(children, [&](const Child& child) { return is_free(base + child.byte); })) return base;
    }
    return std::max(nodes_.size(), first) - first;
  }

  void place_children(const Work& work, std::size_t depth) {
    const std::vector<Child> children = children_of(work, depth);
    if (children.empty()) return;
    const std::size_t base = find_base(children);
    grow(base + children.back().byte + 1);
    nodes_[work.node].children = static_cast<std::uint32_t>(base);
    for (const Child& child : children) {
      const std::size_t place = base + child.byte;
      use(place);
      nodes_[place].parent = work.node;
      // Sorted: a key that ends at the child comes first among those below it.
      if (sorted_[child.begin].key.size() == depth + 1) nodes_[place].value = sorted_[child.begin].value;
      next_level_.push_back({static_cast<std::uint32_t>(place), child.begin, child.end});
    }
  }

  std::span<const Entry> sorted_;
  std::vector<Node>& nodes_;
  std::vector<std::uint32_t> free_at_or_after_;  // one more than nodes_; a place's own number where it is free
  std::vector<Work> next_level_;
};

PrefixTrie::PrefixTrie(const std::vector<Entry>& entries) {
  std::vector<std::size_t> order(entries.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(entries[i].key, i); });
  std::vector<Entry> sorted;
  sorted.reserve(entries.size());
  for (const std::size_t i : order) {
    if (entries[i].key.empty()) continue;
    if (!sorted.empty() && sorted.back().key == entries[i].key) sorted.pop_back();
    sorted.push_back(entries[i]);
  }
  Builder(sorted, nodes_).build();
}

std::uint32_t PrefixTrie::find(std::string_view key) const {
  const Match match = longest_prefix(key);
  return match.bytes == key.size() && !key.empty() ? match.value : kNone;
}

}  // namespace orthant
