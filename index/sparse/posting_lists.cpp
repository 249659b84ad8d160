#include "index/sparse/posting_lists.h"

#include <algorithm>

namespace orthant {
namespace {

constexpr std::size_t kFirstCapacity = 2;
// What an entry of the table costs beside its posts, as the standard library's containers keep it.
constexpr std::size_t kListBytes = 128;
// Handing smaller writes to threads costs more than it saves.
constexpr std::size_t kParallelPosts = 50'000;

std::size_t piece_bytes(std::size_t capacity) {
  return capacity * sizeof(Post) + capacity / kPostsPerBlock * sizeof(ValueRange);
}

}  // namespace

void ValueRange::take(float value) {
  smallest = std::min(smallest, value);
  largest = std::max(largest, value);
}

PostingLists::Piece::Piece(std::size_t posts_capacity)
    : capacity(posts_capacity), posts(std::make_unique_for_overwrite<Post[]>(posts_capacity)) {
  if (capacity >= kPostsPerBlock) blocks = std::make_unique_for_overwrite<ValueRange[]>(capacity / kPostsPerBlock);
}

void PostingLists::add(std::span<const NewPost> posts, ThreadPool* pool) {
  // Sorted by group, in their order: positions by counting.
  std::array<std::size_t, kGroups + 1> ends{};
  for (const NewPost& post : posts) ++ends[group_of(post.index) + 1];
  for (std::size_t i = 0; i < kGroups; ++i) ends[i + 1] += ends[i];
  std::vector<NewPost> sorted(posts.size());
  std::array<std::size_t, kGroups + 1> next = ends;
  for (const NewPost& post : posts) sorted[next[group_of(post.index)]++] = post;
  parallel_for(posts.size() < kParallelPosts ? nullptr : pool, kGroups, 4, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      if (ends[i] != ends[i + 1]) add_to_group(groups_[i], std::span(sorted).subspan(ends[i], ends[i + 1] - ends[i]));
    }
  });
}

void PostingLists::add_to_group(Group& group, std::span<const NewPost> posts) {
  const std::lock_guard lock(group.mutex);
  for (const NewPost& post : posts) {
    const auto [place, is_new] = group.lists.try_emplace(post.index);
    if (is_new) bytes_.fetch_add(kListBytes, std::memory_order_relaxed);
    add_post(place->second, post.post);
  }
}

void PostingLists::add_post(List& list, Post post) {
  if (!list.piece || list.count == list.piece->capacity) grow(list);
  list.piece->posts[list.count] = post;
  if (list.count == 0) list.range = {post.value, post.value};
  list.range.take(post.value);
  if (list.count % kPostsPerBlock == 0) list.last_block = {post.value, post.value};
  list.last_block.take(post.value);
  ++list.count;
  ++list.live;
  if (list.count % kPostsPerBlock == 0) list.piece->blocks[list.count / kPostsPerBlock - 1] = list.last_block;
}

void PostingLists::grow(List& list) {
  const std::size_t before = list.piece ? list.piece->capacity : 0;
  const std::size_t capacity = before == 0 ? kFirstCapacity : before * 2;
  auto larger = std::make_shared<Piece>(capacity);
  if (list.piece) {
    std::copy_n(list.piece->posts.get(), list.count, larger->posts.get());
    if (list.piece->blocks) std::copy_n(list.piece->blocks.get(), list.count / kPostsPerBlock, larger->blocks.get());
  }
  bytes_.fetch_add(piece_bytes(capacity) - piece_bytes(before), std::memory_order_relaxed);
  list.piece = std::move(larger);
}

void PostingLists::count_burial(std::span<const std::uint32_t> indices) {
  for (const std::uint32_t index : indices) {
    Group& group = groups_[group_of(index)];
    const std::lock_guard lock(group.mutex);
    const auto found = group.lists.find(index);
    if (found != group.lists.end() && found->second.live > 0) --found->second.live;
  }
}

PostingView PostingLists::find(std::uint32_t index) const {
  const Group& group = groups_[group_of(index)];
  const std::lock_guard lock(group.mutex);
  const auto found = group.lists.find(index);
  if (found == group.lists.end()) return {};
  const List& list = found->second;
  PostingView view;
  view.held = list.piece;
  view.posts = {list.piece->posts.get(), list.count};
  if (list.piece->blocks) view.blocks = {list.piece->blocks.get(), list.count / kPostsPerBlock};
  view.range = list.range;
  view.live = list.live;
  return view;
}

}  // namespace orthant
