#include "index/multi/multi_index.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "index/trace_timer.h"

namespace orthant {
namespace {

// Rows that a thread takes at once.
constexpr std::size_t kGrainRows = 256;
// Rows whose floats are read at once: a row of many vectors takes some 50 KB.
constexpr std::size_t kReadRows = 32;
// Rows that examples compare by floats, beside a multiple of the limit: their scores have no margins.
constexpr std::size_t kExampleOversampling = 4;
constexpr std::size_t kExampleMinimum = 64;

}  // namespace

MultiIndex::MultiIndex(std::size_t dim, Metric metric, const MultiVectors& stored)
    : dim_(dim), metric_(metric), stored_(stored), codes_(dim, metric), runs_(sizeof(VectorRun)) {}

Status MultiIndex::append(std::span<const std::span<const float>> rows) {
  std::size_t vectors = vector_count();
  Ordinal ordinal = row_count();
  std::size_t added = 0;
  for (const auto& row : rows) added += row.size() / dim_;
  if (vectors + added >= std::numeric_limits<std::uint32_t>::max()) {
    return fail(ErrorCode::kResourceExhausted, "multivectors: too many vectors in one collection");
  }
  ORTHANT_TRY(codes_.reserve(vectors + added));
  ORTHANT_TRY(runs_.reserve(ordinal + rows.size()));
  std::size_t present = 0;
  for (const auto& row : rows) {
    const VectorRun run{static_cast<std::uint32_t>(vectors), static_cast<std::uint32_t>(row.size() / dim_)};
    *runs_.row_as<VectorRun>(ordinal++) = run;
    codes_.append(vectors, row);
    vectors += run.count;
    present += run.count > 0 ? 1 : 0;
  }
  live_count_.fetch_add(present, std::memory_order_relaxed);
  vector_count_.store(vectors, std::memory_order_release);
  row_count_.store(ordinal, std::memory_order_release);
  return {};
}

void MultiIndex::bury(Ordinal ordinal) {
  if (runs_.row_as<VectorRun>(ordinal)->count == 0 || !buried_.set(ordinal)) return;
  live_count_.fetch_sub(1, std::memory_order_relaxed);
}

IndexMemory MultiIndex::memory() const {
  IndexMemory memory;
  memory.int8_bytes = codes_.memory_bytes(vector_count());
  memory.other_bytes = runs_.memory_bytes(row_count()) + row_count() / 8;
  return memory;
}

std::vector<Ordinal> MultiIndex::wanted_rows(const Bitmap* allowed) const {
  const Ordinal rows = row_count();
  std::vector<Ordinal> wanted;
  const auto take = [&](Ordinal ordinal) {
    if (runs_.row_as<VectorRun>(ordinal)->count > 0 && !buried_.test(ordinal)) wanted.push_back(ordinal);
  };
  if (allowed == nullptr) {
    for (Ordinal ordinal = 0; ordinal < rows; ++ordinal) take(ordinal);
  } else {
    allowed->for_each([&](std::size_t row) {
      if (row < rows) take(static_cast<Ordinal>(row));
    });
  }
  return wanted;
}

float MultiIndex::rank_of(double similarity) const {
  if (metric_ == Metric::kEuclid) return -static_cast<float>(std::sqrt(std::max(-similarity, 0.0)));
  return static_cast<float>(similarity);
}

BestRows MultiIndex::collector(const SearchParams& params) const {
  std::optional<float> threshold = params.score_threshold;
  if (threshold && lower_score_is_better(metric_)) threshold = -*threshold;
  return BestRows(params.limit, threshold);
}

std::vector<ScoredOrdinal> MultiIndex::give_back(BestRows best) const {
  std::vector<ScoredOrdinal> found = best.take();
  if (lower_score_is_better(metric_)) {
    for (ScoredOrdinal& row : found) row.score = std::abs(row.score);
  }
  return found;
}

std::vector<MultiIndex::Estimated> MultiIndex::estimate_rows(std::span<const Ordinal> rows, std::span<const float> query,
                                                             ThreadPool* helpers) const {
  const MultiCodes::Query prepared = codes_.prepare(query);
  std::vector<Estimated> estimated(rows.size());
  parallel_for(rows.size() > kGrainRows ? helpers : nullptr, rows.size(), kGrainRows, [&](std::size_t begin, std::size_t end) {
    MultiCodes::Scratch scratch;
    for (std::size_t i = begin; i < end; ++i) {
      estimated[i] = {rows[i], codes_.estimate(prepared, *runs_.row_as<VectorRun>(rows[i]), scratch)};
    }
  });
  return estimated;
}

std::vector<MultiIndex::Estimated> MultiIndex::promising(std::vector<Estimated> rows, const SearchParams& params) const {
  const auto least = [](const Estimated& row) { return row.estimate.similarity - row.estimate.margin; };
  const auto most = [](const Estimated& row) { return row.estimate.similarity + row.estimate.margin; };
  if (params.limit < rows.size()) {
    const auto last = rows.begin() + static_cast<std::ptrdiff_t>(params.limit);
    std::ranges::nth_element(rows, last, std::ranges::greater(), least);
    const float bound = least(*std::ranges::min_element(rows.begin(), last, std::ranges::less(), least));
    std::erase_if(rows, [&](const Estimated& row) { return most(row) < bound; });
  }
  if (params.score_threshold) {
    const float threshold = collector(params).bound();
    std::erase_if(rows, [&](const Estimated& row) { return rank_of(most(row)) < threshold; });
  }
  std::ranges::sort(rows, std::ranges::greater(), most);
  return rows;
}

Result<std::size_t> MultiIndex::compare(std::span<const Estimated> rows, std::span<const float> query, BestRows& best) const {
  std::vector<float> scratch;
  std::vector<Ordinal> ordinals;
  for (std::size_t begin = 0; begin < rows.size(); begin += kReadRows) {
    const SimilarityEstimate& first = rows[begin].estimate;
    if (best.full() && rank_of(double{first.similarity} + first.margin) < best.bound()) return begin;
    ordinals.clear();
    for (const Estimated& row : rows.subspan(begin, std::min(kReadRows, rows.size() - begin))) ordinals.push_back(row.ordinal);
    ORTHANT_TRY(stored_.read(ordinals, [&](std::size_t i, std::span<const float> vectors) {
      best.offer(ordinals[i], rank_of(max_sim(metric_, dim_, query, vectors, scratch)));
    }));
  }
  return rows.size();
}

Result<std::vector<ScoredOrdinal>> MultiIndex::search(std::span<const float> query, const SearchParams& params,
                                                      SearchTrace* trace) const {
  const std::vector<Ordinal> rows = wanted_rows(params.allowed);
  BestRows best = collector(params);
  if (params.limit == 0) return std::vector<ScoredOrdinal>();
  std::vector<Estimated> candidates;
  if (params.exact) {
    for (const Ordinal row : rows) candidates.push_back({row, {0, std::numeric_limits<float>::infinity()}});
  } else {
    TraceTimer timer(trace, "max_sim int8", rows.size());
    candidates = estimate_rows(rows, query, params.helpers);
    if (params.rescore == false) {
      for (const Estimated& row : candidates) best.offer(row.ordinal, rank_of(row.estimate.similarity));
      std::vector<ScoredOrdinal> found = give_back(std::move(best));
      timer.finish(found.size(), {.compared = rows.size()});
      return found;
    }
    candidates = promising(std::move(candidates), params);
    timer.finish(candidates.size(), {.compared = rows.size()});
  }
  TraceTimer timer(trace, "max_sim float32", candidates.size());
  const std::size_t compared = ORTHANT_TRY(compare(candidates, query, best));
  std::vector<ScoredOrdinal> found = give_back(std::move(best));
  timer.finish(found.size(), {.compared = compared});
  return found;
}

Result<std::vector<ScoredOrdinal>> MultiIndex::search_examples(std::span<const std::span<const float>> examples,
                                                               const ExampleScore& score, const SearchParams& params) const {
  std::vector<Ordinal> rows = wanted_rows(params.allowed);
  const auto score_all = [&](std::vector<float> similarities) {
    std::vector<float> scores(rows.size());
    score(similarities, scores);
    return scores;
  };
  const std::size_t depth = std::max(params.limit, params.limit * kExampleOversampling) + kExampleMinimum;
  if (!params.exact && depth < rows.size()) {
    std::vector<float> similarities;
    for (const auto& example : examples) {
      for (const Estimated& row : estimate_rows(rows, example, params.helpers)) similarities.push_back(row.estimate.similarity);
    }
    const std::vector<float> scores = score_all(std::move(similarities));
    BestRows chosen(depth, std::nullopt);
    for (std::size_t i = 0; i < rows.size(); ++i) chosen.offer(rows[i], scores[i]);
    rows.clear();
    for (const ScoredOrdinal& row : chosen.take()) rows.push_back(row.ordinal);
  }
  std::vector<float> similarities(examples.size() * rows.size());
  std::vector<float> scratch;
  for (std::size_t begin = 0; begin < rows.size(); begin += kReadRows) {
    const auto part = std::span(rows).subspan(begin, std::min(kReadRows, rows.size() - begin));
    ORTHANT_TRY(stored_.read(part, [&](std::size_t i, std::span<const float> vectors) {
      for (std::size_t e = 0; e < examples.size(); ++e) {
        similarities[e * rows.size() + begin + i] = static_cast<float>(max_sim(metric_, dim_, examples[e], vectors, scratch));
      }
    }));
  }
  const std::vector<float> scores = score_all(std::move(similarities));
  BestRows best(params.limit, params.score_threshold);
  for (std::size_t i = 0; i < rows.size(); ++i) best.offer(rows[i], scores[i]);
  return best.take();
}

}  // namespace orthant
