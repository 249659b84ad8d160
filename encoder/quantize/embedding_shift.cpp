#include "encoder/quantize/embedding_shift.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>
#include <span>

#include <fmt/format.h>

#include "encoder/embedding_rows.h"

namespace orthant {
namespace {

constexpr std::size_t kRanked = 10;
constexpr std::size_t kScored = 30;

std::vector<float> all_scores(const EmbeddingMatrix& matrix) {
  std::vector<float> scores(matrix.rows * matrix.rows);
  for (std::size_t i = 0; i < matrix.rows; ++i) {
    for (std::size_t j = i; j < matrix.rows; ++j) {
      scores[i * matrix.rows + j] = scores[j * matrix.rows + i] = inner_product(matrix.row(i), matrix.row(j));
    }
  }
  return scores;
}

// The `count` others of highest score, best first; of equal ones the first.
std::vector<std::uint32_t> nearest_others(std::span<const float> scores, std::size_t self, std::size_t count) {
  std::vector<std::uint32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0U);
  order.erase(order.begin() + static_cast<std::ptrdiff_t>(self));
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(order.begin(), middle, order.end(),
                    [&](std::uint32_t a, std::uint32_t b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a < b; });
  order.resize(count);
  return order;
}

// Variance of the change of the scores at `neighbours`.
double change_variance(std::span<const float> before, std::span<const float> after, std::span<const std::uint32_t> neighbours) {
  double sum = 0;
  double squares = 0;
  for (const std::uint32_t other : neighbours) {
    const double change = static_cast<double>(after[other]) - before[other];
    sum += change;
    squares += change * change;
  }
  const auto count = static_cast<double>(neighbours.size());
  return std::max(0.0, squares / count - sum / count * (sum / count));
}

// Adds one text's shares to `shift`.
void compare_rankings(std::span<const std::uint32_t> before, std::span<const std::uint32_t> after, EmbeddingShift& shift) {
  double found = 0;
  double gain = 0;
  double ideal = 0;
  for (std::size_t rank = 0; rank < kRanked; ++rank) {
    const double weight = 1 / std::log2(static_cast<double>(rank) + 2);
    ideal += weight;
    if (std::find(before.begin(), before.end(), after[rank]) == before.end()) continue;
    found += 1;
    gain += weight;
  }
  shift.overlap_at_10 += found / kRanked;
  shift.neighbour_ndcg_at_10 += gain / ideal;
}

}  // namespace

Result<EmbeddingComparison> EmbeddingComparison::make(EmbeddingMatrix reference) {
  if (reference.rows < kMinTexts) {
    return invalid_argument(fmt::format("{} texts to compare embeddings on: expected {} or more", reference.rows, kMinTexts));
  }
  EmbeddingComparison comparison(std::move(reference));
  scale_rows_to_unit_length(comparison.reference_);
  comparison.scores_ = all_scores(comparison.reference_);
  const std::size_t texts = comparison.texts();
  comparison.neighbour_count_ = std::min(kScored, texts - 1);
  for (std::size_t i = 0; i < texts; ++i) {
    const auto nearest = nearest_others(std::span(comparison.scores_).subspan(i * texts, texts), i, comparison.neighbour_count_);
    comparison.neighbours_.insert(comparison.neighbours_.end(), nearest.begin(), nearest.end());
  }
  return comparison;
}

EmbeddingShift EmbeddingComparison::shift_of(EmbeddingMatrix changed) const {
  assert(changed.rows == reference_.rows && changed.dim == reference_.dim);
  scale_rows_to_unit_length(changed);
  const std::vector<float> scores = all_scores(changed);
  EmbeddingShift shift{.overlap_at_10 = 0, .neighbour_ndcg_at_10 = 0};
  for (std::size_t i = 0; i < texts(); ++i) {
    const double distance = std::max(0.0, 1 - static_cast<double>(inner_product(reference_.row(i), changed.row(i))));
    shift.mean_distance += distance;
    shift.max_distance = std::max(shift.max_distance, distance);
    const auto row = std::span(scores).subspan(i * texts(), texts());
    const auto neighbours = std::span(neighbours_).subspan(i * neighbour_count_, neighbour_count_);
    shift.score_variance += change_variance(std::span(scores_).subspan(i * texts(), texts()), row, neighbours);
    compare_rankings(neighbours.first(kRanked), nearest_others(row, i, kRanked), shift);
  }
  const auto count = static_cast<double>(texts());
  shift.mean_distance /= count;
  shift.score_variance /= count;
  shift.overlap_at_10 /= count;
  shift.neighbour_ndcg_at_10 /= count;
  return shift;
}

}  // namespace orthant
