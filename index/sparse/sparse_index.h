#pragma once
// SparseIndex: sparse vectors of the rows of a table, found by dot product: an inverted index. Rows are append-only, buried rows
// are passed over. All answers are exact: what is not looked at cannot be among the best.
//
// How a search goes: rows are taken window by window. In each window the lists whose greatest possible contributions together do
// not reach the score that a row needs by now are set aside (MaxScore: Turtle and Flood, Query evaluation: strategies and
// optimizations, 1995), with the bounds of the lists' blocks in this very window (after block-max indexes: Ding and Suel, SIGIR
// 2011). The others are added up in an array over the window; what could still be among the best is then looked up in the lists set
// aside. Weights and values may have any sign: a row that is not in a list gains 0 from it, so a list's bound is never below 0.
//
// Threads: append() and bury() from one writer; everything const from any thread beside it. See posting_lists.h for the locks.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "index/example_score.h"
#include "index/index_config.h"
#include "index/row_bits.h"
#include "index/sparse/posting_lists.h"
#include "index/vector_index.h"

namespace orthant {

// One vector: indices ascending and unique, a value each. A view.
struct SparseRow {
  std::span<const std::uint32_t> indices;
  std::span<const float> values;
  bool present = true;  // false: the row has no such vector
};

class SparseIndex {
 public:
  // Writer. The rows get the ordinals row_count(), ...; visible to searches when this returns. `pool` may be null.
  void append(std::span<const SparseRow> rows, ThreadPool* pool = nullptr);
  // Writer. A row that has the vector; `indices` are its own, for the counts of idf(); empty where those are not wanted.
  void bury(Ordinal ordinal, std::span<const std::uint32_t> indices);

  Ordinal row_count() const { return row_count_.load(std::memory_order_acquire); }
  // Rows that have the vector and are not buried.
  std::size_t live_count() const { return live_count_.load(std::memory_order_relaxed); }
  // Indices and values of those rows: so many as rows have on average.
  std::uint64_t value_bytes() const;
  bool has(Ordinal ordinal) const { return present_.test(ordinal); }
  bool is_buried(Ordinal ordinal) const { return buried_.test(ordinal); }
  std::size_t memory_bytes() const { return lists_.memory_bytes() + row_count() / 4; }

  // A query's values, each times the inverse document frequency of its index: ln(1 + (N - n + 0.5) / (n + 0.5)), of N rows that
  // have the vector n with the index. `corpus`: only these rows are counted; null: all.
  std::vector<float> times_idf(const SparseRow& query, const Bitmap* corpus = nullptr) const;

  // Best first, equal scores by ascending ordinal; only rows that share an index with the query.
  std::vector<ScoredOrdinal> search(const SparseRow& query, const SearchParams& params) const;
  // Rows that share an index with an example, by what `score` makes of the dot products with all.
  std::vector<ScoredOrdinal> search_examples(std::span<const SparseRow> examples, const ExampleScore& score,
                                             const SearchParams& params) const;

 private:
  PostingLists lists_;
  RowBits present_;
  RowBits buried_;
  std::atomic<Ordinal> row_count_{0};
  std::atomic<std::size_t> live_count_{0};
  std::atomic<std::size_t> vector_count_{0};  // rows with the vector, buried or not
  std::atomic<std::size_t> value_count_{0};   // of those
};

}  // namespace orthant
