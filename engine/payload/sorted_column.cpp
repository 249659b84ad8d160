#include "engine/payload/sorted_column.h"

#include <algorithm>
#include <bit>
#include <iterator>

namespace orthant {
namespace {

constexpr std::size_t kLeafPairs = 512;

}  // namespace

std::uint64_t SortedColumn::key_of(double value) {
  constexpr std::uint64_t kSign = std::uint64_t{1} << 63;
  const auto bits = std::bit_cast<std::uint64_t>(value == 0 ? 0.0 : value);
  return (bits & kSign) != 0 ? ~bits : bits | kSign;
}

double SortedColumn::float_of_key(std::uint64_t key) {
  constexpr std::uint64_t kSign = std::uint64_t{1} << 63;
  return std::bit_cast<double>((key & kSign) != 0 ? key & ~kSign : ~key);
}

SortedColumn::Leaf::Leaf(std::span<const Pair> pairs)
    : base_(pairs.front().key),
      count_(static_cast<std::uint16_t>(pairs.size())),
      key_bytes_(static_cast<std::uint8_t>((std::bit_width(pairs.back().key - base_) + 7) / 8)) {
  bytes_ = std::make_unique<std::uint8_t[]>(heap_bytes());
  std::uint8_t* const differences = bytes_.get() + pairs.size() * 4;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const std::uint64_t difference = pairs[i].key - base_;
    std::memcpy(bytes_.get() + i * 4, &pairs[i].ordinal, 4);
    std::memcpy(differences + i * key_bytes_, &difference, key_bytes_);
  }
}

void SortedColumn::Leaf::append_to(std::vector<Pair>& pairs) const {
  for (std::size_t i = 0; i < size(); ++i) pairs.push_back(at(i));
}

std::size_t SortedColumn::Leaf::lower_bound(std::uint64_t wanted) const {
  std::size_t begin = 0;
  std::size_t end = size();
  while (begin < end) {
    const std::size_t middle = (begin + end) / 2;
    if (key(middle) < wanted) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

std::size_t SortedColumn::leaf_of(const Pair& pair) const {
  const auto after = std::ranges::upper_bound(leaves_, pair, {}, [](const Leaf& leaf) { return leaf.at(0); });
  return after == leaves_.begin() ? 0 : static_cast<std::size_t>(after - leaves_.begin()) - 1;
}

std::size_t SortedColumn::first_leaf(std::uint64_t key) const {
  return leaf_of({key, 0});
}

// `pairs` in as few leaves as hold them, of nearly equal sizes.
std::vector<SortedColumn::Leaf> SortedColumn::make_leaves(std::span<const Pair> pairs) {
  std::vector<Leaf> leaves;
  const std::size_t parts = (pairs.size() + kLeafPairs - 1) / kLeafPairs;
  for (std::size_t i = 0; i < parts; ++i) {
    const std::size_t begin = pairs.size() * i / parts;
    const std::size_t end = pairs.size() * (i + 1) / parts;
    leaves.emplace_back(pairs.subspan(begin, end - begin));
  }
  return leaves;
}

void SortedColumn::add(std::vector<Pair> pairs) {
  std::ranges::sort(pairs);
  std::vector<Pair> old_pairs;
  std::vector<Pair> merged;
  for (std::size_t begin = 0; begin < pairs.size();) {
    const std::size_t position = leaf_of(pairs[begin]);
    std::size_t end = begin + 1;
    while (end < pairs.size() && (position + 1 >= leaves_.size() || pairs[end] < leaves_[position + 1].at(0))) ++end;
    old_pairs.clear();
    merged.clear();
    if (!leaves_.empty()) leaves_[position].append_to(old_pairs);
    std::set_union(old_pairs.begin(), old_pairs.end(), pairs.begin() + static_cast<std::ptrdiff_t>(begin),
                   pairs.begin() + static_cast<std::ptrdiff_t>(end), std::back_inserter(merged));
    merged.erase(std::ranges::unique(merged).begin(), merged.end());
    count_ += merged.size() - old_pairs.size();
    std::vector<Leaf> written = make_leaves(merged);
    if (leaves_.empty()) {
      leaves_ = std::move(written);
    } else {
      leaves_[position] = std::move(written.front());
      leaves_.insert(leaves_.begin() + static_cast<std::ptrdiff_t>(position) + 1, std::make_move_iterator(written.begin() + 1),
                     std::make_move_iterator(written.end()));
    }
    begin = end;
  }
}

void SortedColumn::remove(const Pair& pair) {
  if (leaves_.empty()) return;
  const std::size_t position = leaf_of(pair);
  std::vector<Pair> pairs;
  leaves_[position].append_to(pairs);
  if (std::erase(pairs, pair) == 0) return;
  --count_;
  if (pairs.empty()) {
    leaves_.erase(leaves_.begin() + static_cast<std::ptrdiff_t>(position));
  } else {
    leaves_[position] = Leaf(pairs);
  }
}

std::uint64_t SortedColumn::count_range(std::uint64_t first, std::uint64_t last) const {
  std::uint64_t total = 0;
  if (first > last) return 0;
  for (std::size_t i = first_leaf(first); i < leaves_.size() && leaves_[i].key(0) <= last; ++i) {
    const Leaf& leaf = leaves_[i];
    const std::size_t begin = leaf.key(0) >= first ? 0 : leaf.lower_bound(first);
    const std::size_t end = leaf.key(leaf.size() - 1) <= last ? leaf.size() : leaf.lower_bound(last + 1);
    total += end - begin;
  }
  return total;
}

std::size_t SortedColumn::memory_bytes() const {
  std::size_t bytes = leaves_.capacity() * sizeof(Leaf);
  for (const Leaf& leaf : leaves_) bytes += leaf.heap_bytes();
  return bytes;
}

}  // namespace orthant
