#include "engine/evaluation.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <memory>

#include <fmt/format.h>

#include "index/memory_float_vectors.h"

namespace orthant {
namespace {

constexpr std::size_t kShortList = 10;
constexpr std::size_t kLongList = 100;
constexpr std::size_t kRowsPerAppend = 4096;

constexpr std::array kStages = {
    SearchStages::kFloat32,     SearchStages::kInt8,       SearchStages::kBinary,          SearchStages::kAsymmetric,
    SearchStages::kBinaryFloat, SearchStages::kBinaryInt8, SearchStages::kBinaryInt8Float, SearchStages::kAsymmetricInt8Float};

double discount(std::size_t rank) {
  return std::log2(static_cast<double>(rank) + 1);
}

std::size_t relevant_count(std::span<const Judgement> judgements) {
  return static_cast<std::size_t>(std::ranges::count_if(judgements, [](const Judgement& j) { return j.relevance > 0; }));
}

std::int32_t relevance_of(Ordinal document, std::span<const Judgement> judgements) {
  const auto found = std::ranges::find(judgements, document, &Judgement::document);
  return found == judgements.end() ? 0 : std::max(found->relevance, 0);
}

// The best gain that any ranking of `depth` documents could reach.
double ideal_gain(std::size_t depth, std::span<const Judgement> judgements) {
  std::vector<std::int32_t> relevances;
  for (const Judgement& judgement : judgements) relevances.push_back(std::max(judgement.relevance, 0));
  std::ranges::sort(relevances, std::greater{});
  double gain = 0;
  for (std::size_t i = 0; i < std::min(depth, relevances.size()); ++i) gain += relevances[i] / discount(i + 1);
  return gain;
}

Status check_shapes(const RetrievalSet& set) {
  if (set.documents.rows == 0) return invalid_argument("the set has no documents");
  if (set.queries.rows == 0) return invalid_argument("the set has no judged queries");
  if (set.documents.dim != set.queries.dim) {
    return invalid_argument(fmt::format("documents have {} dimensions, queries {}", set.documents.dim, set.queries.dim));
  }
  if (set.judgements.size() != set.queries.rows) {
    return invalid_argument(fmt::format("{} queries, but judgements for {}", set.queries.rows, set.judgements.size()));
  }
  return {};
}

// The same rows twice: with floats in memory for the exact scan, and with codes alone, as a daemon holds a large collection.
struct Indexes {
  std::unique_ptr<MemoryFloatVectors> stored;
  std::unique_ptr<VectorIndex> with_floats;
  std::unique_ptr<VectorIndex> codes_only;  // signs: what ubinary embeddings give
  std::unique_ptr<VectorIndex> trained;     // the codes that a served collection has; null: the same

  const VectorIndex& serving(SearchStages stages) const {
    if (stages == SearchStages::kFloat32) return *with_floats;
    const bool estimates =
        stages == SearchStages::kAsymmetric || stages == SearchStages::kAsymmetricInt8Float || stages == SearchStages::kAuto;
    return estimates && trained ? *trained : *codes_only;
  }
};

Status append_rows(Indexes& indexes, const EmbeddingMatrix& vectors, std::size_t first, std::size_t last) {
  std::vector<float> rows;
  for (std::size_t row = first; row < last; ++row) {
    const auto prepared = ORTHANT_TRY(indexes.with_floats->prepare_vector(vectors.row(row)));
    rows.insert(rows.end(), prepared.begin(), prepared.end());
  }
  indexes.stored->append(rows);
  for (VectorIndex* index : {indexes.with_floats.get(), indexes.codes_only.get()}) {
    ORTHANT_TRY(index->append(*ORTHANT_TRY(index->encode_rows(rows))));
  }
  return {};
}

Result<Indexes> build_indexes(const RetrievalSet& set, const EvaluationOptions& options, ThreadPool* pool) {
  Indexes indexes{std::make_unique<MemoryFloatVectors>(set.documents.dim), nullptr, nullptr, nullptr};
  IndexConfig config;
  config.dim = set.documents.dim;
  config.metric = options.metric;
  config.target_recall = options.target_recall.value_or(config.target_recall);
  config.residency = FloatResidency::kMemory;
  // Codes that serve without rescoring too; those made for scans alone do not.
  config.binary_codes = BinaryCodes::kLearned;
  indexes.with_floats = ORTHANT_TRY(VectorIndex::create(config, indexes.stored.get()));
  config.residency = FloatResidency::kDisk;
  indexes.codes_only = ORTHANT_TRY(VectorIndex::create(config, indexes.stored.get()));
  for (std::size_t first = 0; first < set.documents.rows; first += kRowsPerAppend) {
    ORTHANT_TRY(append_rows(indexes, set.documents, first, std::min(first + kRowsPerAppend, set.documents.rows)));
  }
  if (indexes.codes_only->needs_training()) {
    const std::atomic<bool> never_stops = false;
    indexes.trained = ORTHANT_TRY(indexes.codes_only->retrained(pool, never_stops));
  }
  if (indexes.trained) ORTHANT_TRY(indexes.trained->calibrate(pool));
  ORTHANT_TRY(indexes.codes_only->calibrate(pool));
  return indexes;
}

using Ranking = std::vector<Ordinal>;

Result<Ranking> search_ordinals(const VectorIndex& index, std::span<const float> query, const SearchParams& params) {
  Ranking ranking;
  for (const ScoredOrdinal& found : ORTHANT_TRY(index.search(query, params))) ranking.push_back(found.ordinal);
  return ranking;
}

// One ranking a query, the queries spread over the pool.
Result<std::vector<Ranking>> rank_all(const VectorIndex& index, const EmbeddingMatrix& queries, const SearchParams& params,
                                      ThreadPool* pool) {
  std::vector<Result<Ranking>> results(queries.rows);
  parallel_for(pool, queries.rows, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) results[i] = search_ordinals(index, queries.row(i), params);
  });
  std::vector<Ranking> rankings;
  rankings.reserve(results.size());
  for (Result<Ranking>& result : results) rankings.push_back(ORTHANT_TRY(std::move(result)));
  return rankings;
}

// The mean of the fastest pass over all queries: what disturbs a pass only ever makes it slower.
Result<double> microseconds_per_query(const VectorIndex& index, const EmbeddingMatrix& queries, const SearchParams& params,
                                      double timed_seconds) {
  using Clock = std::chrono::steady_clock;
  double best = 0;
  const auto start = Clock::now();
  do {
    const auto pass_start = Clock::now();
    for (std::size_t i = 0; i < queries.rows; ++i) ORTHANT_TRY(index.search(queries.row(i), params));
    const std::chrono::duration<double, std::micro> pass = Clock::now() - pass_start;
    const double mean = pass.count() / static_cast<double>(queries.rows);
    best = best == 0 ? mean : std::min(best, mean);
  } while (std::chrono::duration<double>(Clock::now() - start).count() < timed_seconds);
  return best;
}

// Hamming distances need the bits alone, asymmetric ones the rows' scales as well.
double bytes_per_vector(const VectorIndex& index, SearchStages stages) {
  const IndexMemory memory = index.memory();
  const double rows = std::max(1.0, static_cast<double>(index.row_count()));
  const double bits = static_cast<double>((index.config().dim + 7) / 8);
  const double int8 = static_cast<double>(memory.int8_bytes) / rows;
  switch (stages) {
    case SearchStages::kFloat32: return static_cast<double>(memory.float_bytes) / rows;
    case SearchStages::kInt8: return int8;
    case SearchStages::kAsymmetric: return static_cast<double>(memory.binary_bytes) / rows;
    case SearchStages::kAsymmetricInt8Float: return static_cast<double>(memory.binary_bytes) / rows + int8;
    case SearchStages::kBinaryInt8:
    case SearchStages::kBinaryInt8Float: return bits + int8;
    default: return bits;
  }
}

// `exact` holds the ten of the float search of each query.
Result<StageReport> measure_stage(SearchStages stages, const Indexes& indexes, const RetrievalSet& set,
                                  const std::vector<Ranking>& exact, const EvaluationOptions& options, ThreadPool* pool) {
  const VectorIndex& index = indexes.serving(stages);
  SearchParams params;
  params.limit = kShortList;
  params.stages = stages;
  params.oversampling = options.oversampling;
  const auto ten = ORTHANT_TRY(rank_all(index, set.queries, params, pool));
  StageReport report{.stages = stages, .bytes_per_vector = bytes_per_vector(index, stages)};
  report.microseconds_per_query = ORTHANT_TRY(microseconds_per_query(index, set.queries, params, options.timed_seconds));
  params.limit = kLongList;
  const auto hundred = ORTHANT_TRY(rank_all(index, set.queries, params, pool));
  for (std::size_t i = 0; i < set.queries.rows; ++i) {
    report.query_ndcg_at_10.push_back(ndcg_at(kShortList, ten[i], set.judgements[i]));
    report.ndcg_at_10 += report.query_ndcg_at_10.back();
    report.recall_at_10 += recall_at(kShortList, ten[i], set.judgements[i]);
    report.mrr_at_10 += reciprocal_rank_at(kShortList, ten[i], set.judgements[i]);
    report.recall_at_100 += recall_at(kLongList, hundred[i], set.judgements[i]);
    report.exact_recall_at_10 += overlap_at(kShortList, ten[i], exact[i]);
  }
  for (double* sum :
       {&report.ndcg_at_10, &report.recall_at_10, &report.mrr_at_10, &report.recall_at_100, &report.exact_recall_at_10}) {
    *sum /= static_cast<double>(set.queries.rows);
  }
  return report;
}

}  // namespace

double ndcg_at(std::size_t depth, std::span<const Ordinal> ranked, std::span<const Judgement> judgements) {
  const double ideal = ideal_gain(depth, judgements);
  if (ideal == 0) return 0;
  double gain = 0;
  for (std::size_t i = 0; i < std::min(depth, ranked.size()); ++i) gain += relevance_of(ranked[i], judgements) / discount(i + 1);
  return gain / ideal;
}

double recall_at(std::size_t depth, std::span<const Ordinal> ranked, std::span<const Judgement> judgements) {
  const std::size_t relevant = relevant_count(judgements);
  if (relevant == 0) return 0;
  const auto top = ranked.first(std::min(depth, ranked.size()));
  const auto found = std::ranges::count_if(top, [&](Ordinal document) { return relevance_of(document, judgements) > 0; });
  return static_cast<double>(found) / static_cast<double>(relevant);
}

double reciprocal_rank_at(std::size_t depth, std::span<const Ordinal> ranked, std::span<const Judgement> judgements) {
  for (std::size_t i = 0; i < std::min(depth, ranked.size()); ++i) {
    if (relevance_of(ranked[i], judgements) > 0) return 1.0 / static_cast<double>(i + 1);
  }
  return 0;
}

double overlap_at(std::size_t depth, std::span<const Ordinal> ranked, std::span<const Ordinal> exact) {
  const auto wanted = exact.first(std::min(depth, exact.size()));
  if (wanted.empty()) return 1;
  const auto given = ranked.first(std::min(depth, ranked.size()));
  const auto found =
      std::ranges::count_if(wanted, [&](Ordinal document) { return std::ranges::find(given, document) != given.end(); });
  return static_cast<double>(found) / static_cast<double>(wanted.size());
}

std::span<const SearchStages> evaluated_stages() {
  return kStages;
}

Result<std::vector<StageReport>> evaluate(const RetrievalSet& set, const EvaluationOptions& options, ThreadPool* pool) {
  ORTHANT_TRY(check_shapes(set));
  const Indexes indexes = ORTHANT_TRY(build_indexes(set, options, pool));
  SearchParams exact_params;
  exact_params.limit = kShortList;
  exact_params.exact = true;
  const auto exact = ORTHANT_TRY(rank_all(*indexes.with_floats, set.queries, exact_params, pool));
  std::vector<StageReport> reports;
  for (const SearchStages stages : kStages) {
    reports.push_back(ORTHANT_TRY(measure_stage(stages, indexes, set, exact, options, pool)));
    const double reference = reports.front().ndcg_at_10;
    reports.back().retention = reference == 0 ? 1 : reports.back().ndcg_at_10 / reference;
  }
  return reports;
}

}  // namespace orthant
