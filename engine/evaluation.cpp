#include "engine/evaluation.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

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

// Floats of the set as the index's store would hold them; the index may keep its own copy or ask for rows.
class SetFloats final : public FloatVectors {
 public:
  explicit SetFloats(std::size_t dim) : dim_(dim) {}

  void append(std::span<const float> row) { values_.insert(values_.end(), row.begin(), row.end()); }
  Ordinal row_count() const { return static_cast<Ordinal>(values_.size() / dim_); }
  std::span<const float> rows(Ordinal first, Ordinal last) const {
    return std::span(values_).subspan(first * dim_, (last - first) * dim_);
  }

  std::size_t dim() const override { return dim_; }
  Status read(std::span<const Ordinal> ordinals, std::span<float> out) const override {
    for (std::size_t i = 0; i < ordinals.size(); ++i) {
      if (ordinals[i] >= row_count()) return data_corruption(fmt::format("row {} of {}", ordinals[i], row_count()));
      std::ranges::copy(rows(ordinals[i], ordinals[i] + 1), out.begin() + static_cast<std::ptrdiff_t>(i * dim_));
    }
    return {};
  }
  Status scan(Ordinal first, Ordinal last,
              const std::function<bool(Ordinal ordinal, std::span<const float> row)>& visit) const override {
    for (Ordinal ordinal = first; ordinal < std::min(last, row_count()); ++ordinal) {
      if (!visit(ordinal, rows(ordinal, ordinal + 1))) break;
    }
    return {};
  }

 private:
  std::size_t dim_;
  std::vector<float> values_;
};

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
  std::unique_ptr<SetFloats> floats;
  std::unique_ptr<VectorIndex> in_memory;
  std::unique_ptr<VectorIndex> codes_only;

  const VectorIndex& serving(SearchStages stages) const { return stages == SearchStages::kFloat32 ? *in_memory : *codes_only; }
};

Status fill_index(VectorIndex& index, const SetFloats& floats) {
  for (Ordinal first = 0; first < floats.row_count(); first += kRowsPerAppend) {
    const Ordinal last = std::min<Ordinal>(first + kRowsPerAppend, floats.row_count());
    const auto rows = ORTHANT_TRY(index.encode_rows(floats.rows(first, last)));
    index.append(*rows);
  }
  return {};
}

Result<Indexes> build_indexes(const RetrievalSet& set, const EvaluationOptions& options, ThreadPool* pool) {
  Indexes indexes{std::make_unique<SetFloats>(set.documents.dim), nullptr, nullptr};
  IndexConfig config{.dim = set.documents.dim, .metric = options.metric, .residency = FloatResidency::kMemory};
  if (options.target_recall) config.target_recall = *options.target_recall;
  indexes.in_memory = ORTHANT_TRY(VectorIndex::create(config, indexes.floats.get()));
  config.residency = FloatResidency::kDisk;
  indexes.codes_only = ORTHANT_TRY(VectorIndex::create(config, indexes.floats.get()));
  for (std::size_t row = 0; row < set.documents.rows; ++row) {
    indexes.floats->append(ORTHANT_TRY(indexes.in_memory->prepare_vector(set.documents.row(row))));
  }
  ORTHANT_TRY(fill_index(*indexes.in_memory, *indexes.floats));
  ORTHANT_TRY(fill_index(*indexes.codes_only, *indexes.floats));
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

double bytes_per_vector(const VectorIndex& index, SearchStages stages) {
  const IndexMemory memory = index.memory();
  std::size_t bytes = 0;
  switch (stages) {
    case SearchStages::kFloat32: bytes = memory.float_bytes; break;
    case SearchStages::kInt8: bytes = memory.int8_bytes; break;
    case SearchStages::kBinaryInt8:
    case SearchStages::kBinaryInt8Float:
    case SearchStages::kAsymmetricInt8Float: bytes = memory.binary_bytes + memory.int8_bytes; break;
    default: bytes = memory.binary_bytes; break;
  }
  return static_cast<double>(bytes) / std::max(1.0, static_cast<double>(index.row_count()));
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
    report.ndcg_at_10 += ndcg_at(kShortList, ten[i], set.judgements[i]);
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
  const auto exact = ORTHANT_TRY(rank_all(*indexes.in_memory, set.queries, exact_params, pool));
  std::vector<StageReport> reports;
  for (const SearchStages stages : kStages) {
    reports.push_back(ORTHANT_TRY(measure_stage(stages, indexes, set, exact, options, pool)));
    const double reference = reports.front().ndcg_at_10;
    reports.back().retention = reference == 0 ? 1 : reports.back().ndcg_at_10 / reference;
  }
  return reports;
}

}  // namespace orthant
