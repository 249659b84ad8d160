#pragma once
// What a reranker makes of the first documents of a search, on a set with judgements. Works on the pool's threads; one caller at a
// time.

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "api/cli/beir_dataset.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "encoder/reranker.h"

namespace orthant {

// Means over the queries.
struct RankingFigures {
  double ndcg_at_10 = 0;
  double recall_at_10 = 0;
  double mrr_at_10 = 0;
};

struct RerankFigures {
  std::size_t depth = 0;
  RankingFigures before;
  RankingFigures after;
  std::size_t pairs = 0;
  std::size_t truncated = 0;          // of the pairs
  double milliseconds_per_query = 0;  // of one thread, by CPU time
};

// Orders the first `depth` documents of each ranking anew, by the reranker's logits; of equal ones the first stays first. Documents
// behind them stay where they are. `reranked` is told how many queries are done, one call at a time; it may be empty.
Result<RerankFigures> evaluate_reranking(const Reranker& reranker, const BeirDataset& set,
                                         std::span<const std::vector<Ordinal>> rankings, std::size_t depth, ThreadPool* pool,
                                         const std::function<void(std::size_t done)>& reranked = {});

}  // namespace orthant
