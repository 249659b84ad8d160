#pragma once
// Evaluation: how well a set of embeddings retrieves what people judged relevant, for every search stage of the index. The measures
// are those of trec_eval (and so of BEIR). Free functions over plain values; evaluate() uses the pool it is given, the rest may be
// called from any thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "encoder/embedding.h"
#include "index/index_config.h"
#include "index/vector_index.h"

namespace orthant {

// One judged document of a query. A document that was judged but is not in the corpus has kNoOrdinal: it can never be found, and
// still counts in the ideal ranking and in the number of relevant documents. Relevance above 0 is relevant.
struct Judgement {
  Ordinal document = kNoOrdinal;
  std::int32_t relevance = 0;
};

// Of the first `depth` of `ranked` (best first). Gain is the relevance itself, discounted by log2(rank + 1); 0 where no judged
// document is relevant.
double ndcg_at(std::size_t depth, std::span<const Ordinal> ranked, std::span<const Judgement> judgements);
double recall_at(std::size_t depth, std::span<const Ordinal> ranked, std::span<const Judgement> judgements);
double reciprocal_rank_at(std::size_t depth, std::span<const Ordinal> ranked, std::span<const Judgement> judgements);

// The share of the first `depth` of `exact` that is among the first `depth` of `ranked`.
double overlap_at(std::size_t depth, std::span<const Ordinal> ranked, std::span<const Ordinal> exact);

// documents: n x dim. queries: m x dim. judgements: one list a query, each document once.
struct RetrievalSet {
  EmbeddingMatrix documents;
  EmbeddingMatrix queries;
  std::vector<std::vector<Judgement>> judgements;
};

struct EvaluationOptions {
  Metric metric = Metric::kCosine;
  // Candidates a wanted result that the first stage hands on. Unset: the depth that the index calibrates for its target recall.
  std::optional<double> oversampling;
  std::optional<double> target_recall;
  // Passes over the queries go on for this long at least; the fastest pass counts.
  double timed_seconds = 0.3;
};

// Means over the queries.
struct StageReport {
  SearchStages stages = SearchStages::kFloat32;
  double ndcg_at_10 = 0;
  double recall_at_10 = 0;
  double recall_at_100 = 0;
  double mrr_at_10 = 0;
  double retention = 0;           // ndcg_at_10 against that of float32; 1 where that is 0
  double exact_recall_at_10 = 0;  // overlap with the ten of an exact float search
  // What the stage needs in memory. Floats count for float32 alone: those that re-rank the last candidates stay in the store.
  double bytes_per_vector = 0;
  double microseconds_per_query = 0;          // one thread, limit 10, queries given as floats
  std::vector<double> query_ndcg_at_10 = {};  // of each query
};

// The stages that evaluate() measures, float32 first.
std::span<const SearchStages> evaluated_stages();

// One report a stage of evaluated_stages(). Searches for 10 and for 100 documents apart, since a stage's depth follows the limit.
// invalid_argument when there are no documents or queries, or the shapes do not fit together. `pool` may be null.
Result<std::vector<StageReport>> evaluate(const RetrievalSet& set, const EvaluationOptions& options, ThreadPool* pool);

}  // namespace orthant
