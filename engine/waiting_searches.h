#pragma once
// WaitingSearches: searches of separate calls that wait for a thread of the search pool. The call that gets one takes those along
// that one pass over the codes can serve beside its own. Nobody waits for company: a call whose turn comes goes with who is there.
// Each search is added once and taken once, by its own call or by another's. Any thread.
//
// As dynamic batching of inference servers, but without their delay: while a thread is free nothing waits, so nothing is joined,
// and under load the queue itself gathers what fits together.

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/collection/collection.h"

namespace orthant {

// Searches that one pass over the codes serves at most: their tables stay in the first-level cache.
inline constexpr std::size_t kSearchesTogether = 8;

class QueryCall;  // engine_query.cpp

struct WaitingSearch {
  std::shared_ptr<QueryCall> call;
  std::shared_ptr<const Collection> collection;
  VectorSearch search;  // points into the call; can_share() with itself
};

class WaitingSearches {
 public:
  void add(WaitingSearch search);

  // The search of `call` and behind it those of others that can share its pass, in the order in which they came: as few together as
  // keep `threads` threads busy. Nothing when another call has taken it.
  std::vector<WaitingSearch> take(const QueryCall& call, std::size_t threads);
  // False when another call has taken it.
  bool withdraw(const QueryCall& call);

 private:
  // With mutex_ held.
  std::optional<WaitingSearch> extract(const QueryCall& call);
  void take_company(std::vector<WaitingSearch>& taken, std::size_t threads);

  std::mutex mutex_;
  std::deque<WaitingSearch> searches_;  // guarded by mutex_; oldest first
};

}  // namespace orthant
