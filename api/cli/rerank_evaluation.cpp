#include "api/cli/rerank_evaluation.h"

#include <algorithm>
#include <cassert>
#include <ctime>
#include <mutex>
#include <numeric>
#include <string_view>
#include <utility>

namespace orthant {
namespace {

constexpr std::size_t kShortList = 10;

double thread_milliseconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
}

RankingFigures mean_figures(std::span<const std::vector<Ordinal>> rankings, const BeirDataset& set) {
  RankingFigures sum;
  for (std::size_t i = 0; i < rankings.size(); ++i) {
    sum.ndcg_at_10 += ndcg_at(kShortList, rankings[i], set.judgements[i]);
    sum.recall_at_10 += recall_at(kShortList, rankings[i], set.judgements[i]);
    sum.mrr_at_10 += reciprocal_rank_at(kShortList, rankings[i], set.judgements[i]);
  }
  const auto count = static_cast<double>(std::max<std::size_t>(rankings.size(), 1));
  return {sum.ndcg_at_10 / count, sum.recall_at_10 / count, sum.mrr_at_10 / count};
}

struct Reranked {
  std::vector<Ordinal> ranking;
  std::size_t truncated = 0;
  double milliseconds = 0;
};

Result<Reranked> rerank(const Reranker& reranker, const BeirDataset& set, std::size_t query, std::vector<Ordinal> ranking,
                        std::size_t depth) {
  depth = std::min(depth, ranking.size());
  std::vector<std::string_view> documents;
  for (std::size_t i = 0; i < depth; ++i) documents.push_back(set.documents[ranking[i]]);
  const double start = thread_milliseconds();
  const RerankResult scored = ORTHANT_TRY(reranker.score(set.queries[query], documents));
  const double milliseconds = thread_milliseconds() - start;
  std::vector<std::size_t> order(depth);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t place) { return std::pair(-scored.logits[place], place); });
  Reranked result{.ranking = ranking,
                  .truncated = static_cast<std::size_t>(std::ranges::count(scored.truncated, true)),
                  .milliseconds = milliseconds};
  for (std::size_t i = 0; i < depth; ++i) result.ranking[i] = ranking[order[i]];
  return result;
}

}  // namespace

Result<RerankFigures> evaluate_reranking(const Reranker& reranker, const BeirDataset& set,
                                         std::span<const std::vector<Ordinal>> rankings, std::size_t depth, ThreadPool* pool,
                                         const std::function<void(std::size_t done)>& reranked) {
  assert(rankings.size() == set.queries.size());
  std::vector<std::vector<Ordinal>> after(rankings.begin(), rankings.end());
  RerankFigures figures{.depth = depth, .before = mean_figures(rankings, set), .after = {}};
  std::mutex mutex;
  Status status;  // the first failure; guarded by mutex, as figures and done
  std::size_t done = 0;
  double milliseconds = 0;
  parallel_for(pool, rankings.size(), 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      Result<Reranked> result = rerank(reranker, set, i, rankings[i], depth);
      const std::lock_guard lock(mutex);
      if (!result) {
        if (status) status = std::unexpected(result.error());
        continue;
      }
      figures.pairs += std::min(depth, rankings[i].size());
      figures.truncated += result->truncated;
      milliseconds += result->milliseconds;
      after[i] = std::move(result->ranking);
      if (reranked) reranked(++done);
    }
  });
  ORTHANT_TRY(std::move(status));
  figures.after = mean_figures(after, set);
  figures.milliseconds_per_query = milliseconds / static_cast<double>(std::max<std::size_t>(rankings.size(), 1));
  return figures;
}

}  // namespace orthant
