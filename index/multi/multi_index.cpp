#include "index/multi/multi_index.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>

#include "index/best_rows.h"
#include "index/kernels/dispatch.h"

namespace orthant {
namespace {

// Rows that a thread takes at once.
constexpr std::size_t kGrainRows = 256;

}  // namespace

MultiIndex::MultiIndex(std::size_t dim, Metric metric)
    : dim_(dim), metric_(metric), vectors_(dim * sizeof(float)), places_(sizeof(Place)) {}

Status MultiIndex::append(std::span<const std::span<const float>> rows) {
  std::size_t vectors = vector_count();
  Ordinal ordinal = row_count();
  std::size_t added = 0;
  for (const auto& row : rows) added += row.size() / dim_;
  if (vectors + added >= std::numeric_limits<std::uint32_t>::max()) {
    return fail(ErrorCode::kResourceExhausted, "multivectors: too many vectors in one collection");
  }
  ORTHANT_TRY(vectors_.reserve(vectors + added));
  ORTHANT_TRY(places_.reserve(ordinal + rows.size()));
  std::size_t present = 0;
  for (const auto& row : rows) {
    const Place place{static_cast<std::uint32_t>(vectors), static_cast<std::uint32_t>(row.size() / dim_)};
    *places_.row_as<Place>(ordinal++) = place;
    for (std::size_t i = 0; i < place.count; ++i) {
      std::memcpy(vectors_.row(vectors++), row.data() + i * dim_, dim_ * sizeof(float));
    }
    present += place.count > 0 ? 1 : 0;
  }
  live_count_.fetch_add(present, std::memory_order_relaxed);
  vector_count_.store(vectors, std::memory_order_release);
  row_count_.store(ordinal, std::memory_order_release);
  return {};
}

void MultiIndex::bury(Ordinal ordinal) {
  if (places_.row_as<Place>(ordinal)->count == 0 || !buried_.set(ordinal)) return;
  live_count_.fetch_sub(1, std::memory_order_relaxed);
}

std::size_t MultiIndex::memory_bytes() const {
  return vectors_.memory_bytes(vector_count()) + places_.memory_bytes(row_count()) + row_count() / 8;
}

std::vector<Ordinal> MultiIndex::wanted_rows(const Bitmap* allowed) const {
  const Ordinal rows = row_count();
  std::vector<Ordinal> wanted;
  const auto take = [&](Ordinal ordinal) {
    if (places_.row_as<Place>(ordinal)->count > 0 && !buried_.test(ordinal)) wanted.push_back(ordinal);
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

double MultiIndex::similarity(std::span<const float> query, Place place, std::vector<float>& scratch) const {
  const DistanceKernels& kernels = distance_kernels();
  const auto compare = metric_ == Metric::kEuclid      ? kernels.l2_f32_rows
                       : metric_ == Metric::kManhattan ? kernels.l1_f32_rows
                                                       : kernels.dot_f32_rows;
  const bool negated = lower_score_is_better(metric_);
  scratch.resize(place.count);
  double sum = 0;
  for (std::size_t q = 0; q < query.size(); q += dim_) {
    // A row's vectors may lie in several chunks.
    for (std::size_t done = 0; done < place.count;) {
      const std::size_t first = place.first + done;
      const std::size_t chunk_end = chunk_first_row(chunk_of(first) + 1);
      const std::size_t count = std::min(place.count - done, chunk_end - first);
      compare(query.data() + q, vectors_.row_as<float>(first), dim_, count, scratch.data() + done);
      done += count;
    }
    sum += negated ? -double{*std::ranges::min_element(scratch)} : double{*std::ranges::max_element(scratch)};
  }
  return sum;
}

float MultiIndex::score_of(double similarity) const {
  if (metric_ == Metric::kEuclid) return static_cast<float>(std::sqrt(std::abs(similarity)));
  return static_cast<float>(metric_ == Metric::kManhattan ? std::abs(similarity) : similarity);
}

std::vector<ScoredOrdinal> MultiIndex::search(std::span<const float> query, const SearchParams& params) const {
  const bool low_is_best = lower_score_is_better(metric_);
  const std::vector<Ordinal> rows = wanted_rows(params.allowed);
  std::optional<float> threshold = params.score_threshold;
  if (threshold && low_is_best) threshold = -*threshold;
  BestRows best(params.limit, threshold);
  std::mutex mutex;
  parallel_for(rows.size() > kGrainRows ? params.helpers : nullptr, rows.size(), kGrainRows,
               [&](std::size_t begin, std::size_t end) {
                 BestRows own(params.limit, threshold);
                 std::vector<float> scratch;
                 for (std::size_t i = begin; i < end; ++i) {
                   const float score = score_of(similarity(query, *places_.row_as<Place>(rows[i]), scratch));
                   own.offer(rows[i], low_is_best ? -score : score);
                 }
                 const std::lock_guard lock(mutex);
                 for (const ScoredOrdinal& row : own.take()) best.offer(row.ordinal, row.score);
               });
  std::vector<ScoredOrdinal> found = best.take();
  for (ScoredOrdinal& row : found) row.score = low_is_best ? -row.score : row.score;
  return found;
}

std::vector<ScoredOrdinal> MultiIndex::search_examples(std::span<const std::span<const float>> examples, const ExampleScore& score,
                                                       const SearchParams& params) const {
  const std::vector<Ordinal> rows = wanted_rows(params.allowed);
  BestRows best(params.limit, params.score_threshold);
  std::vector<float> scratch;
  for (std::size_t begin = 0; begin < rows.size(); begin += kGrainRows) {
    const std::size_t count = std::min(kGrainRows, rows.size() - begin);
    std::vector<float> similarities;
    for (const auto& example : examples) {
      for (std::size_t i = 0; i < count; ++i) {
        const Place place = *places_.row_as<Place>(rows[begin + i]);
        similarities.push_back(static_cast<float>(similarity(example, place, scratch)));
      }
    }
    std::vector<float> scores(count);
    score(similarities, scores);
    for (std::size_t i = 0; i < count; ++i) best.offer(rows[begin + i], scores[i]);
  }
  return best.take();
}

}  // namespace orthant
