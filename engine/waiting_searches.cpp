#include "engine/waiting_searches.h"

#include <algorithm>

namespace orthant {
namespace {

// Of a longer line those behind wait for their turn, so that the lock is held for microseconds.
constexpr std::size_t kLookedAt = 256;

// A vector of another size is an error of its own call.
bool fits(const WaitingSearch& a, const WaitingSearch& b) {
  return a.collection == b.collection && values_of(*a.search.vector).size() == values_of(*b.search.vector).size() &&
         can_share(a.search, b.search);
}

}  // namespace

void WaitingSearches::add(WaitingSearch search) {
  std::lock_guard lock(mutex_);
  searches_.push_back(std::move(search));
}

std::optional<WaitingSearch> WaitingSearches::extract(const QueryCall& call) {
  const auto found = std::ranges::find(searches_, &call, [](const WaitingSearch& search) { return search.call.get(); });
  if (found == searches_.end()) return std::nullopt;
  WaitingSearch search = std::move(*found);
  searches_.erase(found);
  return search;
}

bool WaitingSearches::withdraw(const QueryCall& call) {
  std::lock_guard lock(mutex_);
  return extract(call).has_value();
}

std::vector<WaitingSearch> WaitingSearches::take(const QueryCall& call, std::size_t threads) {
  std::vector<WaitingSearch> taken;
  {
    std::lock_guard lock(mutex_);
    auto own = extract(call);
    if (!own) return taken;
    taken.push_back(std::move(*own));
    if (searches_.empty()) return taken;
  }
  // Through a graph each search takes its own way.
  if (!taken.front().collection->shares_passes(taken.front().search)) return taken;
  std::lock_guard lock(mutex_);
  take_company(taken, std::max<std::size_t>(threads, 1));
  return taken;
}

void WaitingSearches::take_company(std::vector<WaitingSearch>& taken, std::size_t threads) {
  std::vector<std::size_t> fitting;
  const std::size_t looked_at = std::min(searches_.size(), kLookedAt);
  for (std::size_t i = 0; i < looked_at; ++i) {
    if (fits(taken.front(), searches_[i])) fitting.push_back(i);
  }
  const std::size_t all = fitting.size() + 1;
  const std::size_t most = std::min(kSearchesTogether, (all + threads - 1) / threads);
  fitting.resize(std::min(fitting.size(), most - 1));
  for (const std::size_t i : fitting) taken.push_back(std::move(searches_[i]));
  for (auto i = fitting.rbegin(); i != fitting.rend(); ++i) searches_.erase(searches_.begin() + static_cast<std::ptrdiff_t>(*i));
}

}  // namespace orthant
