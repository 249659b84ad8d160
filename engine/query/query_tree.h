#pragma once
// QueryStage: a query as a tree. A stage ranks points; without prefetches all that its filter lets through, else those that its
// prefetches give. Plain values, free of any wire format.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/point_id.h"
#include "engine/payload/field_listing.h"
#include "engine/payload/filter.h"
#include "engine/query/example_scores.h"
#include "engine/query/formula.h"
#include "engine/query/fusion.h"
#include "engine/vector_input.h"
#include "index/vector_index.h"

namespace orthant {

// A vector, or the vector of another point, which is then left out of the results.
using QueryExample = std::variant<VectorInput, PointId>;

// Nearest points that differ from one another (diversity.h).
struct DiverseQuery {
  static constexpr std::size_t kMaxCandidates = 16'384;
  QueryExample target;
  double diversity = 0.5;                 // 0 to 1
  std::optional<std::size_t> candidates;  // nearest points to choose from; unset: the stage's limit
};

enum class RecommendStrategy {
  kAverageVector,  // nearest to avg(positives) + avg(positives) - avg(negatives); needs a positive
  kBestScore,
  kSumOfScores,
};
struct RecommendQuery {
  std::vector<QueryExample> positives;
  std::vector<QueryExample> negatives;
  RecommendStrategy strategy = RecommendStrategy::kAverageVector;
};
struct ExamplePair {
  QueryExample positive;
  QueryExample negative;
};
struct DiscoverQuery {
  QueryExample target;
  std::vector<ExamplePair> pairs;
};
struct ContextQuery {
  std::vector<ExamplePair> pairs;
};
struct FeedbackQuery {
  QueryExample target;
  std::vector<std::pair<QueryExample, float>> examples;  // with the scores that someone gave them
  FeedbackWeights weights;
};
struct DistributionFusion {};
struct RandomSample {};
// Rows that hold any word of the text in the field that the stage's vector_name names, by BM25 over that field's text index, which
// must have been made for it (TextOptions::scoring).
struct TextScoreQuery {
  std::string text;
  double k = 1.2;   // how soon more of the same word stops to count; not negative
  double b = 0.75;  // how much long texts are held back, 0 to 1
};

// Nothing: all points by ascending id. A vector or a point: the nearest. RankFusion, DistributionFusion and Formula need
// prefetches.
using QueryVariant = std::variant<std::monostate, VectorInput, PointId, DiverseQuery, RecommendQuery, DiscoverQuery, ContextQuery,
                                  FeedbackQuery, OrderBy, RankFusion, DistributionFusion, Formula, RandomSample, TextScoreQuery>;

// Deeper trees are refused.
inline constexpr std::size_t kMaxQueryDepth = 64;

struct QueryStage {
  QueryVariant query;
  std::vector<QueryStage> prefetch;
  std::string vector_name;  // "using"
  // Holds for the prefetches below too.
  std::optional<Filter> filter;
  std::size_t limit = 10;
  std::optional<float> score_threshold;
  // How to search; limit, threshold and allowed rows in it are set by the engine.
  SearchParams search;
  // Where a sparse vector's modifier is idf: the points that are counted. Unset: all that have the vector.
  std::optional<Filter> idf_corpus{};
  // Points of the query are points of this collection and vector (lookup_from). Empty: this collection, vector_name.
  std::string lookup_collection;
  std::string lookup_vector;
};

// Calls visit(const VectorInput&) or visit(const PointId&) for each example of the stage itself, in the order in which
// run_stage.h's scores take them.
template <typename Visit>
void visit_examples(const QueryStage& stage, const Visit& visit);

// Of the stage and of all below it: visit(stage).
template <typename Visit>
void visit_stages(const QueryStage& stage, const Visit& visit) {
  visit(stage);
  for (const QueryStage& prefetch : stage.prefetch) visit_stages(prefetch, visit);
}

template <typename Visit>
void visit_examples(const QueryStage& stage, const Visit& visit) {
  const auto example = [&](const QueryExample& given) { std::visit(visit, given); };
  const auto pairs = [&](const std::vector<ExamplePair>& given) {
    for (const ExamplePair& pair : given) {
      example(pair.positive);
      example(pair.negative);
    }
  };
  if (const auto* vector = std::get_if<VectorInput>(&stage.query)) visit(*vector);
  if (const auto* id = std::get_if<PointId>(&stage.query)) visit(*id);
  if (const auto* diverse = std::get_if<DiverseQuery>(&stage.query)) example(diverse->target);
  if (const auto* recommend = std::get_if<RecommendQuery>(&stage.query)) {
    for (const QueryExample& given : recommend->positives) example(given);
    for (const QueryExample& given : recommend->negatives) example(given);
  }
  if (const auto* discover = std::get_if<DiscoverQuery>(&stage.query)) {
    example(discover->target);
    pairs(discover->pairs);
  }
  if (const auto* context = std::get_if<ContextQuery>(&stage.query)) pairs(context->pairs);
  if (const auto* feedback = std::get_if<FeedbackQuery>(&stage.query)) {
    example(feedback->target);
    for (const auto& [given, score] : feedback->examples) example(given);
  }
}

}  // namespace orthant
