#pragma once
// Frontier: the nearest rows that a walk through a graph has met, and which of them are still to be expanded. Distances are sorted
// into buckets of equal width, so that taking a row in, finding the next to expand and moving the bound cost some nanoseconds each,
// where a sorted array costs a search and a move of memory a row. Rows of one bucket count as equally near: a bucket is far
// narrower than the error of the estimates. One thread.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "index/index_config.h"
#include "index/kernels/distance_kernels.h"

namespace orthant {

// What a frontier keeps: about the `width` nearest, and of those only what lies within `slack` of the `least`-th nearest.
struct FrontierBounds {
  std::size_t width = 1;
  std::size_t least = 1;
  float slack = std::numeric_limits<float>::infinity();
};

// Empties what one walk met; memory beyond what walks usually take goes back: each thread keeps its own.
inline constexpr std::size_t kMostKept = 16'384;
template <typename T>
void forget(std::vector<T>& met) {
  met.clear();
  if (met.capacity() > kMostKept) met.shrink_to_fit();
}

class Frontier {
 public:
  // Distances below `low` or above `high` fall into the outermost buckets.
  void start(const FrontierBounds& bounds, float low, float high) {
    for (std::uint32_t bucket = 0; bucket < kBuckets; bucket += 64) {
      for (std::uint64_t used = used_[bucket / 64]; used != 0; used &= used - 1) {
        const std::uint32_t at = bucket + static_cast<std::uint32_t>(std::countr_zero(used));
        counts_[at] = 0;
        heads_[at] = kNone;
      }
      used_[bucket / 64] = 0;
      waiting_[bucket / 64] = 0;
    }
    width_ = std::max<std::size_t>(bounds.width, 1);
    least_ = std::max<std::size_t>(bounds.least, 1);
    low_ = low;
    inverse_ = high > low ? static_cast<float>(kBuckets - 1) / (high - low) : 0;
    slack_ = bucket_count(bounds.slack);
    last_ = kBuckets;
    kept_ = 0;
    near_ = kBuckets - 1;
    near_kept_ = 0;
    forget(entries_);
    forget(next_);
  }

  std::uint32_t bucket_of(float distance) const {
    const float position = (distance - low_) * inverse_;
    // The order of arguments sends NaN to the last bucket.
    return static_cast<std::uint32_t>(std::max(0.0f, std::min(static_cast<float>(kBuckets - 1), position)));
  }
  // Rows of this bucket or a later one have no place.
  std::uint32_t bound() const { return last_; }

  void insert(float distance, std::uint32_t bucket, Ordinal ordinal) {
    const auto entry = static_cast<std::uint32_t>(entries_.size());
    entries_.push_back({distance, ordinal});
    next_.push_back(heads_[bucket]);
    heads_[bucket] = entry;
    used_[bucket / 64] |= std::uint64_t{1} << (bucket % 64);
    waiting_[bucket / 64] |= std::uint64_t{1} << (bucket % 64);
    ++counts_[bucket];
    ++kept_;
    // The bound is the bucket that completes the width: what is in it stays, what comes later to it is turned away.
    if (kept_ >= width_) {
      last_ = std::min(last_, kBuckets - 1);
      while (last_ > 0 && kept_ - counts_[last_] >= width_) kept_ -= counts_[last_--];
    }
    if (bucket <= near_ && ++near_kept_ >= least_) keep_within_slack();
  }

  // A nearest row that was not given yet; kNoOrdinal when there is none.
  Ordinal expand_next() {
    const std::uint32_t bucket = first_waiting();
    if (bucket > last_) return kNoOrdinal;
    const std::uint32_t entry = heads_[bucket];
    heads_[bucket] = next_[entry];
    if (heads_[bucket] == kNone) waiting_[bucket / 64] &= ~(std::uint64_t{1} << (bucket % 64));
    return entries_[entry].ordinal;
  }
  // What expand_next() would give now.
  Ordinal peek_next() const {
    const std::uint32_t bucket = first_waiting();
    return bucket > last_ ? kNoOrdinal : entries_[heads_[bucket]].ordinal;
  }

  std::size_t kept_count() const { return kept_; }
  // Rows taken in, whether they would still be kept or not.
  std::size_t taken_count() const { return entries_.size(); }

  // The nearest `depth` rows of those that were taken in, in no order; fewer when they are fewer.
  void nearest(std::size_t depth, std::vector<Candidate>& out) const {
    out.clear();
    std::uint32_t cut = 0;  // the bucket that completes the depth
    std::size_t room = depth;
    for (; cut < kBuckets && counts_[cut] <= room; ++cut) room -= counts_[cut];
    for (const Candidate& entry : entries_) {
      const std::uint32_t bucket = bucket_of(entry.distance);
      if (bucket > cut || (bucket == cut && room == 0)) continue;
      if (bucket == cut) --room;
      out.push_back(entry);
    }
  }

 private:
  static constexpr std::uint32_t kBuckets = 1'024;
  static constexpr std::uint32_t kNone = 0xffffffff;

  // Of the width of a distance; kBuckets where it is none of theirs.
  std::uint32_t bucket_count(float distance) const {
    const float buckets = distance * inverse_;
    return buckets < static_cast<float>(kBuckets) ? static_cast<std::uint32_t>(buckets) : kBuckets;
  }

  void keep_within_slack() {
    while (near_ > 0 && near_kept_ - counts_[near_] >= least_) near_kept_ -= counts_[near_--];
    const std::uint32_t bound = near_ + slack_;
    if (bound >= last_ || bound >= kBuckets - 1) return;
    last_ = std::min(last_, kBuckets - 1);
    while (last_ > bound) kept_ -= counts_[last_--];
  }

  std::uint32_t first_waiting() const {
    for (std::uint32_t word = 0; word < kBuckets / 64; ++word) {
      if (waiting_[word] != 0) return word * 64 + static_cast<std::uint32_t>(std::countr_zero(waiting_[word]));
    }
    return kBuckets + 1;
  }

  std::vector<Candidate> entries_;
  std::vector<std::uint32_t> next_;  // one an entry: the next that waits in its bucket
  std::array<std::uint32_t, kBuckets> heads_ = filled_heads();
  std::array<std::uint32_t, kBuckets> counts_{};
  std::array<std::uint64_t, kBuckets / 64> used_{};
  std::array<std::uint64_t, kBuckets / 64> waiting_{};
  std::size_t width_ = 1;
  std::size_t least_ = 1;
  std::uint32_t slack_ = kBuckets;  // in buckets
  std::size_t kept_ = 0;            // entries in the buckets up to last_
  std::uint32_t last_ = kBuckets;
  std::size_t near_kept_ = 0;  // entries in the buckets up to near_, which completes least_
  std::uint32_t near_ = kBuckets - 1;
  float low_ = 0;
  float inverse_ = 0;

  static constexpr std::array<std::uint32_t, kBuckets> filled_heads() {
    std::array<std::uint32_t, kBuckets> heads{};
    heads.fill(kNone);
    return heads;
  }
};

// Which rows a walk has met; cleared at the cost of the rows that were. One thread.
class VisitedRows {
 public:
  void start(std::size_t row_count) {
    for (Ordinal ordinal : met_) words_[ordinal / 64] = 0;
    forget(met_);
    if (words_.size() < row_count / 64 + 1) words_.resize(row_count / 64 + 1);
  }
  // True the first time. The caller keeps what is new and gives it to remember() before the next start().
  bool add(Ordinal ordinal) {
    std::uint64_t& word = words_[ordinal / 64];
    const std::uint64_t bit = std::uint64_t{1} << (ordinal % 64);
    const bool is_new = (word & bit) == 0;
    word |= bit;
    return is_new;
  }
  void remember(const Ordinal* ordinals, std::size_t count) { met_.insert(met_.end(), ordinals, ordinals + count); }
  std::size_t count() const { return met_.size(); }

 private:
  std::vector<std::uint64_t> words_;
  std::vector<Ordinal> met_;
};

}  // namespace orthant
