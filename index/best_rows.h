#pragma once
// BestRows: the rows with the highest scores among those offered, in any order of ordinals; of equal scores the lower ordinal is
// better. For collectors that are offered little; scans of millions of codes have their own (top_k.h). One thread.

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <vector>

#include "index/index_config.h"
#include "index/vector_index.h"

namespace orthant {

class BestRows {
 public:
  // Only scores strictly above the threshold are taken.
  BestRows(std::size_t limit, std::optional<float> threshold)
      : limit_(limit), threshold_(threshold.value_or(-std::numeric_limits<float>::infinity())), open_(!threshold.has_value()) {}

  // No later score that is not above this can be among the best, unless its ordinal is lower than one that is.
  float bound() const { return rows_.size() == limit_ && limit_ > 0 ? std::max(rows_.front().score, threshold_) : threshold_; }
  bool full() const { return rows_.size() == limit_; }
  bool has_threshold() const { return !open_; }

  void offer(Ordinal ordinal, float score) {
    if (limit_ == 0 || !(open_ || score > threshold_)) return;
    const ScoredOrdinal row{ordinal, score};
    if (rows_.size() == limit_) {
      if (!better(row, rows_.front())) return;
      std::ranges::pop_heap(rows_, better);
      rows_.pop_back();
    }
    rows_.push_back(row);
    std::ranges::push_heap(rows_, better);
  }

  // Best first. The collector is empty afterwards.
  std::vector<ScoredOrdinal> take() {
    std::ranges::sort_heap(rows_, better);
    return std::move(rows_);
  }

 private:
  static bool better(const ScoredOrdinal& a, const ScoredOrdinal& b) {
    return a.score != b.score ? a.score > b.score : a.ordinal < b.ordinal;
  }

  const std::size_t limit_;
  const float threshold_;
  const bool open_;                  // no threshold: any score is taken
  std::vector<ScoredOrdinal> rows_;  // a heap, the worst in front
};

}  // namespace orthant
