#pragma once
// SlotIndex: what a table's view asks of the index of one named vector, whatever its kind. Owns what it needs; ordinals are the
// table's rows, and a row that lacks the vector is a row of the index all the same.
//
// Threads: everything const from any thread beside the writer; append() and bury() from the collection's writer, one at a time.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/collection/collection_config.h"
#include "engine/collection/records.h"
#include "engine/vector_value.h"
#include "index/example_score.h"
#include "index/vector_index.h"

namespace orthant {

// Rows of one write in the form that the index takes them: its own subclass.
class SlotRows {
 public:
  virtual ~SlotRows() = default;
};

class SlotIndex {
 public:
  virtual ~SlotIndex() = default;

  virtual const VectorConfig& config() const = 0;

  // ---- rows on their way in ----
  // The value as the store is to keep it. invalid_argument: of another kind or size, not finite, or beyond the datatype.
  virtual Result<std::string> prepare(const VectorValue& value) const = 0;
  // One stored value a row (stored_value.h), empty where the row lacks the vector. Changes nothing.
  virtual Result<std::shared_ptr<const SlotRows>> encode(std::span<const std::string_view> rows) const = 0;
  // append() of so many rows will not fail once this has returned well; io_error otherwise.
  virtual Status make_room(Ordinal rows) = 0;
  // Visible to searches when this returns.
  virtual Status append(const SlotRows& rows) = 0;
  // Never returned again. Burying twice is allowed, and so is a row without the vector.
  virtual void bury(Ordinal ordinal) = 0;

  virtual Ordinal row_count() const = 0;
  // Rows that have the vector and are not buried.
  virtual std::size_t live_count() const = 0;
  // What their vectors take as they were given, about.
  virtual std::uint64_t vector_bytes() const { return std::uint64_t{live_count()} * config().index.dim * sizeof(float); }

  // ---- searches ----
  // invalid_argument when the query is of another kind or size.
  virtual Status check_query(const VectorValue& query) const = 0;
  // Best first, equal scores by ascending ordinal. Scores as the metric's users see them. Rows without the vector are not found,
  // nor, of sparse vectors, rows that share no index with the query. `trace` may be null. The query has passed check_query().
  virtual Result<std::vector<ScoredOrdinal>> search(const VectorValue& query, const SearchParams& params,
                                                    SearchTrace* trace = nullptr) const = 0;
  // The same for several queries; one pass may serve them all.
  virtual Result<std::vector<std::vector<ScoredOrdinal>>> search_batch(std::span<const VectorValue* const> queries,
                                                                       const SearchParams& params) const;
  // Whether one would, so that it is cheaper than as many searches.
  virtual bool shares_passes(const SearchParams& /*params*/) const { return false; }
  // The rows (allowed, alive, with the vector) that `score` likes best, best first, equal scores by ascending ordinal. Of sparse
  // vectors only rows that share an index with an example.
  virtual Result<std::vector<ScoredOrdinal>> search_examples(std::span<const VectorValue> examples, const ExampleScore& score,
                                                             const SearchParams& params) const = 0;

  // The same of a sparse vector with the modifier idf, whose frequencies are counted among the rows of `corpus` alone. Other kinds
  // of vectors have no frequencies.
  virtual Result<std::vector<ScoredOrdinal>> search_in_corpus(const VectorValue& query, const SearchParams& params,
                                                              const Bitmap& /*corpus*/) const {
    return search(query, params);
  }
  virtual Result<std::vector<ScoredOrdinal>> search_examples_in_corpus(std::span<const VectorValue> examples,
                                                                       const ExampleScore& score, const SearchParams& params,
                                                                       const Bitmap& /*corpus*/) const {
    return search_examples(examples, score, params);
  }

  virtual IndexStatistics statistics() const = 0;

  // Of a dense vector the index that upkeep works on; null for other kinds.
  virtual VectorIndex* dense() const { return nullptr; }
};

}  // namespace orthant
