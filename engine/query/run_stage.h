#pragma once
// StageRunner: runs a query tree over one moment of a collection. All stages see the same rows, so what one finds by ordinal is
// good in the next; nothing is read of a point but what its stage needs. Holds references; one thread. The tree, its examples'
// vectors and the reader outlive it.

#include <functional>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "engine/collection/collection_reader.h"
#include "engine/query/fusion.h"
#include "engine/query/query_tree.h"

namespace orthant {

// What the examples of a tree became, by the address of the VectorInput or PointId in it; and the points among them that are
// points of the collection searched, by the address of their stage.
struct ResolvedExamples {
  std::unordered_map<const void*, VectorValue> vectors;
  std::unordered_map<const QueryStage*, std::vector<Ordinal>> mentioned;
};

// Best first. `order_values` is empty, or has one a row.
struct RankedRows {
  RankedList rows;
  std::vector<OrderValue> order_values;
};

struct StageLimits {
  std::size_t limit = 10;
  std::size_t offset = 0;           // part of the limit that the caller passes over
  std::size_t prefetch_factor = 1;  // times the limits of prefetches: groups want more
  bool grouped = false;             // the root's limit counts groups
};

class StageRunner {
 public:
  // `admit` is asked before each stage: an error ends the run.
  StageRunner(const CollectionReader& reader, const ResolvedExamples& examples, std::function<Status()> admit)
      : reader_(reader), examples_(examples), admit_(std::move(admit)) {}

  // limits.limit rows of the tree. `filter` counts beside the stage's own. Rows of `without` (may be null)
  // are not given, by prefetches neither.
  Result<RankedRows> run(const QueryStage& stage, const StageLimits& limits, const std::optional<Filter>& filter = {},
                         const Bitmap* without = nullptr);

 private:
  // What comes from the stages above.
  struct Scope {
    std::optional<Filter> filter;
    std::unordered_set<Ordinal> excluded;
  };
  Scope scope_of(const QueryStage& stage, const Scope& above) const;
  Result<RankedRows> run_in(const QueryStage& stage, std::size_t limit, const Scope& above);
  Result<RankedRows> run_leaf(const QueryStage& stage, std::size_t limit, const Scope& scope);
  Bitmap rows_left(const Bitmap* allowed, const std::unordered_set<Ordinal>& excluded) const;
  Result<RankedRows> merge(const QueryStage& stage, std::size_t limit, std::span<const RankedList> sources);
  Result<RankedRows> rank(const QueryStage& stage, std::size_t limit, const Bitmap* rows, bool exact);
  Result<RankedRows> nearest(const QueryStage& stage, const VectorValue& vector, std::size_t limit, const Bitmap* rows, bool exact);
  Result<RankedRows> diverse(const QueryStage& stage, const DiverseQuery& query, std::size_t limit, const Bitmap* rows, bool exact);
  Result<RankedRows> by_examples(const QueryStage& stage, const ExampleScore& score, std::size_t limit, const Bitmap* rows,
                                 bool exact);
  Result<RankedRows> recommended(const QueryStage& stage, const RecommendQuery& query, std::size_t limit, const Bitmap* rows,
                                 bool exact);
  Result<RankedRows> ordered(const OrderBy& order, std::size_t limit, const Bitmap* rows);
  Result<RankedRows> by_text(const QueryStage& stage, const TextScoreQuery& query, std::size_t limit, const Bitmap* rows);
  Result<RankedRows> by_formula(const QueryStage& stage, const Formula& formula, std::size_t limit,
                                std::span<const RankedList> sources);
  Result<RankedRows> all_by_id(const Scope& scope, std::size_t limit);
  RankedRows sampled(std::size_t limit, const Bitmap* rows) const;
  SearchParams params_for(const QueryStage& stage, std::size_t limit, const Bitmap* rows, bool exact) const;
  // The rows of the stage's idf corpus; nothing where it has none.
  Result<std::optional<Bitmap>> corpus_of(const QueryStage& stage) const;
  Result<Metric> metric_of(const QueryStage& stage) const;
  const VectorValue& vector_of(const QueryExample& example) const;
  std::vector<VectorValue> vectors_of(const QueryStage& stage) const;

  const CollectionReader& reader_;
  const ResolvedExamples& examples_;
  const std::function<Status()> admit_;
  StageLimits limits_;
  const Bitmap* without_ = nullptr;
};

// So many of the rows, in random order.
std::vector<Ordinal> sample_rows(const Bitmap& rows, std::size_t count);

}  // namespace orthant
