#pragma once
// PostingLists: for every index of sparse vectors the rows that have a value at it, in ascending order. Append-only.
//
// One writer adds while any number of readers look. A reader takes a list's posts once, under a lock that is held for some copies
// of pointers, and reads them afterwards without: posts are written behind the end that readers took, and a list that outgrows its
// memory moves to a larger piece while readers hold the one before. The writer holds the lock of one of 64 groups of lists for as
// long as it adds a write's posts to that group.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/thread_pool.h"
#include "index/index_config.h"

namespace orthant {

struct Post {
  Ordinal ordinal = 0;
  float value = 0;
};

struct ValueRange {
  float smallest = 0;
  float largest = 0;
  void take(float value);
};

// Posts share one bound of their values by so many.
inline constexpr std::size_t kPostsPerBlock = 128;

// A list as one search reads it.
struct PostingView {
  std::shared_ptr<const void> held;    // keeps what the spans show
  std::span<const Post> posts;         // ordinals ascending
  std::span<const ValueRange> blocks;  // of the whole blocks
  ValueRange range;                    // of all
  std::uint32_t live = 0;              // posts whose row is not buried, where burials are counted
};

// A post on its way in.
struct NewPost {
  std::uint32_t index = 0;
  Post post;
};

class PostingLists {
 public:
  PostingLists() = default;
  PostingLists(const PostingLists&) = delete;
  PostingLists& operator=(const PostingLists&) = delete;

  // Writer. Posts of one index in ascending order of ordinals, all beyond those before. Groups of lists go to threads of `pool`
  // (may be null).
  void add(std::span<const NewPost> posts, ThreadPool* pool);
  // Writer: a row with these indices was buried.
  void count_burial(std::span<const std::uint32_t> indices);

  // Empty posts where no row has the index. Posts of rows that are being added may be among them.
  PostingView find(std::uint32_t index) const;

  std::size_t memory_bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  struct Piece {
    explicit Piece(std::size_t posts_capacity);
    std::size_t capacity;
    std::unique_ptr<Post[]> posts;
    std::unique_ptr<ValueRange[]> blocks;  // null where there is no whole block
  };
  struct List {
    std::shared_ptr<Piece> piece;
    std::uint32_t count = 0;
    std::uint32_t live = 0;
    ValueRange range;
    ValueRange last_block;
  };
  struct alignas(64) Group {
    mutable std::mutex mutex;
    std::unordered_map<std::uint32_t, List> lists;  // guarded by mutex
  };
  static constexpr std::size_t kGroups = 64;
  static std::size_t group_of(std::uint32_t index) { return (index * 0x9e3779b1U) >> 26; }

  void add_to_group(Group& group, std::span<const NewPost> posts);
  void add_post(List& list, Post post);
  void grow(List& list);

  std::array<Group, kGroups> groups_;
  std::atomic<std::size_t> bytes_{0};
};

}  // namespace orthant
