#include "engine/query/run_stage.h"

#include <algorithm>
#include <random>

#include <fmt/format.h>

#include "engine/query/diversity.h"
#include "engine/query/merge_filter.h"
#include "engine/query/similarity.h"

namespace orthant {
namespace {

// What scrolls, orders and samples score every point with, as Qdrant does.
constexpr float kUnranked = 1;

std::size_t saturating_add(std::size_t a, std::size_t b) {
  return a + std::min(b, SIZE_MAX - a);
}

std::size_t saturating_multiply(std::size_t a, std::size_t b) {
  return b != 0 && a > SIZE_MAX / b ? SIZE_MAX : a * b;
}

// The rows of all lists, each once, in the order in which they come.
std::vector<Ordinal> union_of(std::span<const RankedList> sources) {
  std::vector<Ordinal> rows;
  std::unordered_set<Ordinal> seen;
  for (const RankedList& source : sources) {
    for (const ScoredOrdinal& hit : source) {
      if (seen.insert(hit.ordinal).second) rows.push_back(hit.ordinal);
    }
  }
  return rows;
}

Bitmap bitmap_of(std::span<const Ordinal> rows) {
  Bitmap bitmap(rows.empty() ? 0 : std::ranges::max(rows) + std::size_t{1});
  for (const Ordinal row : rows) bitmap.set(row);
  return bitmap;
}

// Fused and rescored rows stay that reach the threshold.
void apply_threshold(const std::optional<float>& threshold, RankedList& rows) {
  if (!threshold) return;
  std::erase_if(rows, [&](const ScoredOrdinal& hit) { return hit.score < *threshold; });
}

// Scores of examples are given out best first until one is on the wrong side of the threshold, which for metrics of distance lies
// above it: as Qdrant does.
void apply_example_threshold(Metric metric, const std::optional<float>& threshold, RankedList& rows) {
  if (!threshold) return;
  const auto beyond = std::ranges::find_if(rows, [&](const ScoredOrdinal& hit) {
    return lower_score_is_better(metric) ? hit.score >= *threshold : hit.score <= *threshold;
  });
  rows.erase(beyond, rows.end());
}

void cut(RankedRows& ranked, std::size_t limit) {
  if (ranked.rows.size() > limit) ranked.rows.resize(limit);
  if (ranked.order_values.size() > limit) ranked.order_values.resize(limit);
}

bool is_fusion(const QueryVariant& query) {
  return std::holds_alternative<RankFusion>(query) || std::holds_alternative<DistributionFusion>(query);
}

Status check_stage(const QueryStage& stage) {
  if (is_fusion(stage.query) && !stage.vector_name.empty()) {
    return invalid_argument("Bad request: Fusion queries cannot be combined with the 'using' field.");
  }
  if (!stage.prefetch.empty()) {
    if (!std::holds_alternative<std::monostate>(stage.query)) return {};
    return invalid_argument(
        "Bad request: A query is needed to merge the prefetches. Can't have prefetches without defining a query.");
  }
  if (is_fusion(stage.query)) return invalid_argument("Bad request: cannot apply Fusion without prefetches");
  if (std::holds_alternative<Formula>(stage.query)) {
    return invalid_argument("Bad request: cannot apply Formula without prefetches");
  }
  return {};
}

}  // namespace

std::vector<Ordinal> sample_rows(const Bitmap& rows, std::size_t count) {
  std::vector<Ordinal> sampled;
  rows.for_each([&](std::size_t row) { sampled.push_back(static_cast<Ordinal>(row)); });
  std::mt19937_64 random(std::random_device{}());
  const std::size_t wanted = std::min(count, sampled.size());
  for (std::size_t i = 0; i < wanted; ++i) {
    std::swap(sampled[i], sampled[std::uniform_int_distribution<std::size_t>(i, sampled.size() - 1)(random)]);
  }
  sampled.resize(wanted);
  return sampled;
}

Result<RankedRows> StageRunner::run(const QueryStage& stage, const StageLimits& limits, const std::optional<Filter>& filter,
                                    const Bitmap* without) {
  limits_ = limits;
  without_ = without;
  return run_in(stage, limits.limit, {.filter = filter, .excluded = {}});
}

StageRunner::Scope StageRunner::scope_of(const QueryStage& stage, const Scope& above) const {
  Scope scope = {merge_filters(above.filter, stage.filter), above.excluded};
  const auto mentioned = examples_.mentioned.find(&stage);
  if (mentioned != examples_.mentioned.end()) scope.excluded.insert(mentioned->second.begin(), mentioned->second.end());
  return scope;
}

Result<RankedRows> StageRunner::run_in(const QueryStage& stage, std::size_t limit, const Scope& above) {
  ORTHANT_TRY(admit_());
  ORTHANT_TRY(check_stage(stage));
  const Scope scope = scope_of(stage, above);
  if (stage.prefetch.empty()) return run_leaf(stage, limit, scope);
  std::vector<RankedList> sources;
  // What is ranked has the same first ones however far the caller looks; a sample of too few would have none behind its offset.
  const std::size_t passed_over = std::holds_alternative<RandomSample>(stage.query) ? limits_.offset : 0;
  for (const QueryStage& prefetch : stage.prefetch) {
    const std::size_t wanted = saturating_add(saturating_multiply(prefetch.limit, limits_.prefetch_factor), passed_over);
    sources.push_back(ORTHANT_TRY(run_in(prefetch, wanted, scope)).rows);
  }
  return merge(stage, limit, sources);
}

// Excluded rows are few: so many more are asked for, and taken out. Only diversity must not see them, since what was chosen counts
// against the others.
Result<RankedRows> StageRunner::run_leaf(const QueryStage& stage, std::size_t limit, const Scope& scope) {
  const std::size_t wanted = saturating_add(limit, scope.excluded.size());
  const bool narrowed = without_ != nullptr || (std::holds_alternative<DiverseQuery>(stage.query) && !scope.excluded.empty());
  RankedRows ranked;
  if (std::holds_alternative<std::monostate>(stage.query) && !narrowed) {
    ranked = ORTHANT_TRY(all_by_id(scope, wanted));
  } else {
    const auto allowed = ORTHANT_TRY(reader_.allowed_rows(scope.filter ? &*scope.filter : nullptr));
    std::optional<Bitmap> left;
    if (narrowed) left = rows_left(allowed ? &allowed->rows : nullptr, scope.excluded);
    ranked = ORTHANT_TRY(rank(stage, wanted, left ? &*left : (allowed ? &allowed->rows : nullptr), false));
  }
  std::vector<OrderValue> order_values;
  for (std::size_t i = 0; i < ranked.order_values.size(); ++i) {
    if (!scope.excluded.contains(ranked.rows[i].ordinal)) order_values.push_back(ranked.order_values[i]);
  }
  ranked.order_values = std::move(order_values);
  std::erase_if(ranked.rows, [&](const ScoredOrdinal& hit) { return scope.excluded.contains(hit.ordinal); });
  cut(ranked, limit);
  return ranked;
}

// Without the excluded rows, and those of earlier rounds. `allowed` may be null.
Bitmap StageRunner::rows_left(const Bitmap* allowed, const std::unordered_set<Ordinal>& excluded) const {
  Bitmap left = allowed != nullptr ? *allowed : reader_.live_rows();
  const auto remove = [&left](std::size_t row) {
    if (row < left.size()) left.reset(row);
  };
  for (const Ordinal row : excluded) remove(row);
  if (without_ != nullptr) without_->for_each(remove);
  return left;
}

Result<RankedRows> StageRunner::merge(const QueryStage& stage, std::size_t limit, std::span<const RankedList> sources) {
  RankedRows ranked;
  if (const auto* fusion = std::get_if<RankFusion>(&stage.query)) {
    ranked.rows = ORTHANT_TRY(fuse_by_rank(sources, *fusion));
    apply_threshold(stage.score_threshold, ranked.rows);
  } else if (std::holds_alternative<DistributionFusion>(stage.query)) {
    ranked.rows = fuse_by_distribution(sources);
    apply_threshold(stage.score_threshold, ranked.rows);
  } else if (const auto* formula = std::get_if<Formula>(&stage.query)) {
    ranked = ORTHANT_TRY(by_formula(stage, *formula, limit, sources));
  } else {
    const Bitmap rows = bitmap_of(union_of(sources));
    if (!rows.none()) ranked = ORTHANT_TRY(rank(stage, limit, &rows, true));
  }
  cut(ranked, limit);
  return ranked;
}

// `rows`: those that may be given; null: all live ones. Exact: over floats, because they are few.
Result<RankedRows> StageRunner::rank(const QueryStage& stage, std::size_t limit, const Bitmap* rows, bool exact) {
  const QueryVariant& query = stage.query;
  if (const auto* input = std::get_if<VectorInput>(&query)) {
    return nearest(stage, examples_.vectors.at(input), limit, rows, exact);
  }
  if (const auto* id = std::get_if<PointId>(&query)) return nearest(stage, examples_.vectors.at(id), limit, rows, exact);
  if (const auto* given = std::get_if<DiverseQuery>(&query)) return diverse(stage, *given, limit, rows, exact);
  if (const auto* given = std::get_if<RecommendQuery>(&query)) return recommended(stage, *given, limit, rows, exact);
  if (const auto* given = std::get_if<DiscoverQuery>(&query)) {
    return by_examples(stage, discover_score(given->pairs.size()), limit, rows, exact);
  }
  if (const auto* given = std::get_if<ContextQuery>(&query)) {
    return by_examples(stage, context_score(given->pairs.size()), limit, rows, exact);
  }
  if (const auto* given = std::get_if<FeedbackQuery>(&query)) {
    std::vector<float> scores;
    for (const auto& [example, score] : given->examples) scores.push_back(score);
    return by_examples(stage, feedback_score(given->weights, scores), limit, rows, exact);
  }
  if (const auto* given = std::get_if<OrderBy>(&query)) return ordered(*given, limit, rows);
  if (const auto* given = std::get_if<TextScoreQuery>(&query)) return by_text(stage, *given, limit, rows);
  return sampled(limit, rows);
}

SearchParams StageRunner::params_for(const QueryStage& stage, std::size_t limit, const Bitmap* rows, bool exact) const {
  SearchParams params = stage.search;
  params.limit = limit;
  params.allowed = rows;
  params.exact = params.exact || exact;
  params.score_threshold = stage.score_threshold;
  return params;
}

Result<RankedRows> StageRunner::nearest(const QueryStage& stage, const VectorValue& vector, std::size_t limit, const Bitmap* rows,
                                        bool exact) {
  const std::optional<Bitmap> corpus = ORTHANT_TRY(corpus_of(stage));
  const SearchParams params = params_for(stage, limit, rows, exact);
  return RankedRows{ORTHANT_TRY(reader_.search(stage.vector_name, vector, params, corpus ? &*corpus : nullptr)), {}};
}

Result<RankedRows> StageRunner::diverse(const QueryStage& stage, const DiverseQuery& query, std::size_t limit, const Bitmap* rows,
                                        bool exact) {
  const Metric metric = ORTHANT_TRY(metric_of(stage));
  VectorValue target = vector_of(query.target);
  const std::size_t candidates =
      std::min(query.candidates.value_or(limits_.grouped ? limit : stage.limit), DiverseQuery::kMaxCandidates);
  const RankedRows found = ORTHANT_TRY(nearest(stage, target, candidates, rows, exact));
  std::vector<Ordinal> ordinals;
  for (const ScoredOrdinal& hit : found.rows) ordinals.push_back(hit.ordinal);
  const auto vectors = ORTHANT_TRY(reader_.vectors(stage.vector_name, ordinals));
  if (metric == Metric::kCosine) normalize_value(target);
  const auto similarity_of = [&](const VectorValue& from, std::size_t to) {
    return vectors[to] ? similarity(metric, from, *vectors[to]) : 0.0F;
  };
  std::vector<float> relevance(found.rows.size());
  for (std::size_t i = 0; i < relevance.size(); ++i) relevance[i] = similarity_of(target, i);
  const auto similarities_to = [&](std::size_t chosen, std::span<float> out) -> Status {
    ORTHANT_TRY(admit_());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = vectors[i] ? similarity_of(*vectors[i], chosen) : 0.0F;
    return {};
  };
  RankedRows ranked;
  for (const std::size_t position : ORTHANT_TRY(choose_diverse(relevance, query.diversity, limit, similarities_to))) {
    ranked.rows.push_back(found.rows[position]);
  }
  return ranked;
}

Result<RankedRows> StageRunner::by_examples(const QueryStage& stage, const ExampleScore& score, std::size_t limit,
                                            const Bitmap* rows, bool exact) {
  SearchParams params = params_for(stage, limit, rows, exact);
  params.score_threshold.reset();
  const std::vector<VectorValue> examples = vectors_of(stage);
  const std::optional<Bitmap> corpus = ORTHANT_TRY(corpus_of(stage));
  RankedRows ranked{ORTHANT_TRY(reader_.search_examples(stage.vector_name, examples, score, params, corpus ? &*corpus : nullptr)),
                    {}};
  apply_example_threshold(ORTHANT_TRY(metric_of(stage)), stage.score_threshold, ranked.rows);
  return ranked;
}

Result<RankedRows> StageRunner::recommended(const QueryStage& stage, const RecommendQuery& query, std::size_t limit,
                                            const Bitmap* rows, bool exact) {
  const std::size_t positives = query.positives.size();
  const std::size_t negatives = query.negatives.size();
  if (query.strategy == RecommendStrategy::kBestScore) {
    return by_examples(stage, best_score(positives, negatives), limit, rows, exact);
  }
  if (query.strategy == RecommendStrategy::kSumOfScores) {
    return by_examples(stage, sum_of_scores(positives, negatives), limit, rows, exact);
  }
  const std::vector<VectorValue> examples = vectors_of(stage);
  const bool same_kind =
      std::ranges::all_of(examples, [&](const VectorValue& value) { return value.index() == examples[0].index(); });
  if (!same_kind) return invalid_argument("query.recommend: examples are of different kinds, expected all dense, sparse or multi");
  const std::span<const VectorValue> all = examples;
  return nearest(stage, average_example(all.first(positives), all.subspan(positives)), limit, rows, exact);
}

Result<RankedRows> StageRunner::ordered(const OrderBy& order, std::size_t limit, const Bitmap* rows) {
  RankedRows ranked;
  for (const OrderedRow& row : ORTHANT_TRY(reader_.ordered(order, limit, rows != nullptr ? *rows : reader_.live_rows()))) {
    ranked.rows.push_back({row.ordinal, kUnranked});
    ranked.order_values.push_back(row.value);
  }
  return ranked;
}

Result<RankedRows> StageRunner::by_text(const QueryStage& stage, const TextScoreQuery& query, std::size_t limit,
                                        const Bitmap* rows) {
  if (stage.vector_name.empty()) {
    return invalid_argument("Bad request: a text query needs `using`: the payload field whose text index ranks");
  }
  const TextScoring scoring = {query.text, {query.k, query.b}, stage.score_threshold};
  const std::optional<Bitmap> live = rows == nullptr ? std::optional(reader_.live_rows()) : std::nullopt;
  return RankedRows{ORTHANT_TRY(reader_.scored_texts(stage.vector_name, scoring, limit, live ? *live : *rows)), {}};
}

Result<std::optional<Bitmap>> StageRunner::corpus_of(const QueryStage& stage) const {
  if (!stage.idf_corpus) return std::nullopt;
  const auto matching = ORTHANT_TRY(reader_.allowed_rows(&*stage.idf_corpus));
  return std::optional<Bitmap>(matching ? matching->rows : reader_.live_rows());
}

Result<RankedRows> StageRunner::by_formula(const QueryStage& stage, const Formula& formula, std::size_t limit,
                                           std::span<const RankedList> sources) {
  const FormulaEvaluator evaluator = ORTHANT_TRY(FormulaEvaluator::compile(formula, reader_.text_fields()));
  const std::vector<Ordinal> rows = union_of(sources);
  std::unordered_map<Ordinal, std::vector<std::optional<float>>> scores;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    for (const ScoredOrdinal& hit : sources[i]) {
      auto& of_row = scores[hit.ordinal];
      of_row.resize(sources.size());
      of_row[i] = hit.score;
    }
  }
  RankedRows ranked;
  ORTHANT_TRY(reader_.visit_points(rows, [&](std::size_t i, const StoredPoint& point) -> Status {
    const FormulaPoint seen = {point.id, point.payload, scores.at(rows[i]), point.has_vector};
    ranked.rows.push_back({rows[i], ORTHANT_TRY(evaluator.evaluate(seen))});
    return {};
  }));
  std::ranges::stable_sort(ranked.rows, std::ranges::greater(), &ScoredOrdinal::score);
  apply_threshold(stage.score_threshold, ranked.rows);
  cut(ranked, limit);
  return ranked;
}

Result<RankedRows> StageRunner::all_by_id(const Scope& scope, std::size_t limit) {
  RankedRows ranked;
  for (const Ordinal row : ORTHANT_TRY(reader_.rows_by_id(scope.filter ? &*scope.filter : nullptr, limit))) {
    ranked.rows.push_back({row, kUnranked});
  }
  return ranked;
}

RankedRows StageRunner::sampled(std::size_t limit, const Bitmap* rows) const {
  RankedRows ranked;
  for (const Ordinal row : sample_rows(rows != nullptr ? *rows : reader_.live_rows(), limit)) {
    ranked.rows.push_back({row, kUnranked});
  }
  return ranked;
}

Result<Metric> StageRunner::metric_of(const QueryStage& stage) const {
  const VectorConfig config = ORTHANT_TRY(reader_.vector_config(stage.vector_name));
  return config.kind == VectorKind::kSparse ? Metric::kDot : config.index.metric;
}

const VectorValue& StageRunner::vector_of(const QueryExample& example) const {
  return std::visit([this](const auto& given) -> const VectorValue& { return examples_.vectors.at(&given); }, example);
}

std::vector<VectorValue> StageRunner::vectors_of(const QueryStage& stage) const {
  std::vector<VectorValue> vectors;
  visit_examples(stage, [&](const auto& given) { vectors.push_back(examples_.vectors.at(&given)); });
  return vectors;
}

}  // namespace orthant
