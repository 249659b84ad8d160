#include "engine/query/diversity.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace orthant {
namespace {

// The candidates that are left.
class Pending {
 public:
  explicit Pending(std::size_t count) : candidates_(count) { std::iota(candidates_.begin(), candidates_.end(), std::size_t{0}); }

  bool empty() const { return candidates_.empty(); }

  // Takes out the last of those with the greatest value.
  template <typename Value>
  std::size_t take_best(const Value& value) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < candidates_.size(); ++i) {
      if (value(candidates_[i]) >= value(candidates_[best])) best = i;
    }
    const std::size_t candidate = candidates_[best];
    candidates_[best] = candidates_.back();
    candidates_.pop_back();
    return candidate;
  }

 private:
  std::vector<std::size_t> candidates_;
};

}  // namespace

Result<std::vector<std::size_t>> choose_diverse(std::span<const float> relevance, double diversity, std::size_t limit,
                                                const SimilaritiesTo& similarities_to) {
  std::vector<std::size_t> chosen;
  Pending pending(relevance.size());
  std::vector<float> nearest(relevance.size(), -std::numeric_limits<float>::infinity());
  std::vector<float> similarities(relevance.size());
  const auto marginal = [&](std::size_t i) { return (1 - diversity) * relevance[i] - diversity * nearest[i]; };
  while (!pending.empty() && chosen.size() < limit) {
    if (chosen.empty()) {
      chosen.push_back(pending.take_best([&](std::size_t i) { return double{relevance[i]}; }));
      continue;
    }
    ORTHANT_TRY(similarities_to(chosen.back(), similarities));
    for (std::size_t i = 0; i < nearest.size(); ++i) nearest[i] = std::max(nearest[i], similarities[i]);
    chosen.push_back(pending.take_best(marginal));
  }
  return chosen;
}

}  // namespace orthant
