#include "engine/query/fusion.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include <fmt/format.h>

namespace orthant {
namespace {

// Sums of scores by row, in the order in which rows come.
class Sums {
 public:
  void add(Ordinal ordinal, double score) {
    const auto [found, is_new] = positions_.emplace(ordinal, sums_.size());
    if (is_new) sums_.emplace_back(ordinal, 0.0);
    sums_[found->second].second += score;
  }

  RankedList best_first() {
    std::ranges::stable_sort(sums_, std::ranges::greater(), &std::pair<Ordinal, double>::second);
    RankedList list;
    list.reserve(sums_.size());
    for (const auto& [ordinal, sum] : sums_) list.push_back({ordinal, static_cast<float>(sum)});
    return list;
  }

 private:
  std::unordered_map<Ordinal, std::size_t> positions_;
  std::vector<std::pair<Ordinal, double>> sums_;
};

struct Distribution {
  double low = 0;
  double width = 0;  // 0: no variance
};

Distribution distribution_of(const RankedList& list) {
  if (list.size() < 2) return {};
  double sum = 0;
  for (const ScoredOrdinal& hit : list) sum += hit.score;
  const double mean = sum / static_cast<double>(list.size());
  double squares = 0;
  for (const ScoredOrdinal& hit : list) squares += (hit.score - mean) * (hit.score - mean);
  const double deviation = std::sqrt(squares / static_cast<double>(list.size() - 1));
  return {mean - 3 * deviation, 6 * deviation};
}

}  // namespace

Result<RankedList> fuse_by_rank(std::span<const RankedList> lists, const RankFusion& fusion) {
  if (!fusion.weights.empty() && fusion.weights.size() != lists.size()) {
    return invalid_argument(
        fmt::format("query.rrf.weights: {} weights for {} prefetches, expected one each", fusion.weights.size(), lists.size()));
  }
  Sums sums;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    const double weight = fusion.weights.empty() ? 1 : fusion.weights[i];
    for (std::size_t rank = 0; rank < lists[i].size(); ++rank) {
      const double share = 1 / (static_cast<double>(rank + 1) / weight + static_cast<double>(fusion.k) - 1);
      sums.add(lists[i][rank].ordinal, weight > 0 ? share : 0);
    }
  }
  return sums.best_first();
}

RankedList fuse_by_distribution(std::span<const RankedList> lists) {
  Sums sums;
  for (const RankedList& list : lists) {
    const Distribution distribution = distribution_of(list);
    for (const ScoredOrdinal& hit : list) {
      sums.add(hit.ordinal, distribution.width > 0 ? (hit.score - distribution.low) / distribution.width : 0.5);
    }
  }
  return sums.best_first();
}

}  // namespace orthant
