#pragma once
// MultiIndex: multivectors of the rows of a table, compared by max_sim: for each vector of the query the best similarity to any
// vector of the row, summed up. Rows are append-only, buried rows are passed over. In memory are int8 codes (dim + 8 bytes a
// vector); a search estimates all rows that it may return by them, then compares by floats, best first, until no row that is left
// can be among the best by what rounding may have changed. Scores are those of floats.
//
// Similarities are dot products (of vectors of length 1 for Metric::kCosine), or Euclidean (squared) and Manhattan distances
// negated; users see of the sum of the latter two its amount, of the Euclidean its square root.
//
// Threads: append() and bury() from one writer; everything const from any thread beside it, without locks.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "index/best_rows.h"
#include "index/example_score.h"
#include "index/index_config.h"
#include "index/multi/multi_codes.h"
#include "index/multi/multi_vectors.h"
#include "index/row_bits.h"
#include "index/row_column.h"
#include "index/vector_index.h"

namespace orthant {

class MultiIndex {
 public:
  // `stored` gives the floats of the rows that were appended, and must outlive the index.
  MultiIndex(std::size_t dim, Metric metric, const MultiVectors& stored);

  // Writer. Each row's vectors, one after another (n x dim); empty where the row has none. The rows get the ordinals row_count(),
  // ...; visible to searches when this returns. resource_exhausted past 2^32 vectors.
  Status append(std::span<const std::span<const float>> rows);
  // Writer.
  void bury(Ordinal ordinal);

  Ordinal row_count() const { return row_count_.load(std::memory_order_acquire); }
  // Rows that have vectors and are not buried.
  std::size_t live_count() const { return live_count_.load(std::memory_order_relaxed); }
  std::size_t vector_count() const { return vector_count_.load(std::memory_order_acquire); }
  IndexMemory memory() const;

  // `query`: n x dim, for Metric::kCosine of length 1 each. Best first, equal scores by ascending ordinal. Of `params` count limit,
  // exact, rescore (false: the estimates are the scores), allowed, score_threshold, and helpers, which take parts of large
  // searches. `trace` may be null. Errors are those of reading floats.
  Result<std::vector<ScoredOrdinal>> search(std::span<const float> query, const SearchParams& params,
                                            SearchTrace* trace = nullptr) const;
  // By what `score` makes of the similarities to all examples, each of them n x dim. Rows are chosen by estimates, somewhat more
  // than are wanted; `exact` compares all by floats.
  Result<std::vector<ScoredOrdinal>> search_examples(std::span<const std::span<const float>> examples, const ExampleScore& score,
                                                     const SearchParams& params) const;

 private:
  struct Estimated {
    Ordinal ordinal = 0;
    SimilarityEstimate estimate;
  };

  std::vector<Ordinal> wanted_rows(const Bitmap* allowed) const;
  std::vector<Estimated> estimate_rows(std::span<const Ordinal> rows, std::span<const float> query, ThreadPool* helpers) const;
  // Those that may be among the `limit` best and pass the threshold, by what they may be at best.
  std::vector<Estimated> promising(std::vector<Estimated> rows, const SearchParams& params) const;
  // Compares by floats in the order of `rows` until none that follows can be among the best. Returns how many were compared.
  Result<std::size_t> compare(std::span<const Estimated> rows, std::span<const float> query, BestRows& best) const;
  std::vector<ScoredOrdinal> give_back(BestRows best) const;
  // Higher is better, whatever the metric; users see its amount.
  float rank_of(double similarity) const;
  BestRows collector(const SearchParams& params) const;

  const std::size_t dim_;
  const Metric metric_;
  const MultiVectors& stored_;
  MultiCodes codes_;
  RowColumn runs_;
  RowBits buried_;
  std::atomic<Ordinal> row_count_{0};
  std::atomic<std::size_t> vector_count_{0};
  std::atomic<std::size_t> live_count_{0};
};

}  // namespace orthant
