#pragma once
// MultiIndex: multivectors of the rows of a table, compared by max_sim: for each vector of the query the best similarity to any
// vector of the row, summed up. Rows are append-only, buried rows are passed over. All vectors stand in memory as floats, and every
// search compares all rows that it may return: answers are exact.
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
#include "index/example_score.h"
#include "index/index_config.h"
#include "index/row_bits.h"
#include "index/row_column.h"
#include "index/vector_index.h"

namespace orthant {

class MultiIndex {
 public:
  MultiIndex(std::size_t dim, Metric metric);

  // Writer. Each row's vectors, one after another (n x dim); empty where the row has none. The rows get the ordinals row_count(),
  // ...; visible to searches when this returns. resource_exhausted past 2^32 vectors.
  Status append(std::span<const std::span<const float>> rows);
  // Writer.
  void bury(Ordinal ordinal);

  Ordinal row_count() const { return row_count_.load(std::memory_order_acquire); }
  // Rows that have vectors and are not buried.
  std::size_t live_count() const { return live_count_.load(std::memory_order_relaxed); }
  std::size_t vector_count() const { return vector_count_.load(std::memory_order_acquire); }
  std::size_t memory_bytes() const;

  // `query`: n x dim, for Metric::kCosine of length 1 each. Best first, equal scores by ascending ordinal. Parts of large searches
  // go to params.helpers.
  std::vector<ScoredOrdinal> search(std::span<const float> query, const SearchParams& params) const;
  // By what `score` makes of the similarities to all examples, each of them n x dim.
  std::vector<ScoredOrdinal> search_examples(std::span<const std::span<const float>> examples, const ExampleScore& score,
                                             const SearchParams& params) const;

 private:
  // Where the vectors of a row begin, and how many it has.
  struct Place {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };

  std::vector<Ordinal> wanted_rows(const Bitmap* allowed) const;
  // The sum of best similarities; `best` has room for one number a vector of the row.
  double similarity(std::span<const float> query, Place place, std::vector<float>& scratch) const;
  float score_of(double similarity) const;

  const std::size_t dim_;
  const Metric metric_;
  RowColumn vectors_;
  RowColumn places_;
  RowBits buried_;
  std::atomic<Ordinal> row_count_{0};
  std::atomic<std::size_t> vector_count_{0};
  std::atomic<std::size_t> live_count_{0};
};

}  // namespace orthant
