#include "encoder/training/dev_scores.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "encoder/training/embedding_forms.h"

namespace orthant {
namespace {

constexpr std::int64_t kDepth = 10;

// Similarities of all first with all second rows, by form.
struct Similarities {
  at::Tensor float_search;
  at::Tensor int8_search;
  at::Tensor binary_search;
};

Similarities similarities(const at::Tensor& first, const at::Tensor& second) {
  const at::Tensor a = unit_rows(first);
  const at::Tensor b = unit_rows(second);
  return {at::matmul(a, b.t()), at::matmul(fake_int8_rows(a), fake_int8_rows(b).t()),
          at::matmul(straight_through_signs(a, 1), straight_through_signs(b, 1).t())};
}

// Columns of the ten largest values of each row; of equal ones the first.
std::vector<std::vector<std::int64_t>> best_columns(const at::Tensor& values) {
  const at::Tensor rows = values.contiguous();
  const auto count = static_cast<std::size_t>(rows.size(1));
  const auto depth = std::min<std::size_t>(kDepth, count);
  std::vector<std::vector<std::int64_t>> best;
  std::vector<std::int64_t> order(count);
  for (std::int64_t i = 0; i < rows.size(0); ++i) {
    const float* row = rows.data_ptr<float>() + static_cast<std::size_t>(i) * count;
    std::iota(order.begin(), order.end(), 0);
    const auto before = [row](std::int64_t a, std::int64_t b) { return row[a] != row[b] ? row[a] > row[b] : a < b; };
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(depth), order.end(), before);
    best.emplace_back(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(depth));
  }
  return best;
}

double mean_ndcg(const at::Tensor& values, std::span<const std::vector<std::int64_t>> answers) {
  const auto found = best_columns(values);
  double sum = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    double gain = 0;
    double ideal = 0;
    for (std::size_t place = 0; place < found[i].size(); ++place) {
      const double discount = 1.0 / std::log2(static_cast<double>(place) + 2.0);
      if (std::ranges::find(answers[i], found[i][place]) != answers[i].end()) gain += discount;
      if (place < answers[i].size()) ideal += discount;
    }
    sum += ideal > 0 ? gain / ideal : 0;
  }
  return sum / static_cast<double>(found.size());
}

std::vector<double> ranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return values[i]; });
  std::vector<double> ranks(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t end = first;
    while (end < order.size() && values[order[end]] == values[order[first]]) ++end;
    const double shared = static_cast<double>(first + end - 1) / 2.0;
    for (; first < end; ++first) ranks[order[first]] = shared;
  }
  return ranks;
}

double correlation(std::span<const double> a, std::span<const double> b) {
  const double n = static_cast<double>(a.size());
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n;
  const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double product = 0;
  double squares_a = 0;
  double squares_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    product += (a[i] - mean_a) * (b[i] - mean_b);
    squares_a += (a[i] - mean_a) * (a[i] - mean_a);
    squares_b += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return squares_a > 0 && squares_b > 0 ? product / std::sqrt(squares_a * squares_b) : 0;
}

double spearman(const at::Tensor& first, const at::Tensor& second, std::span<const double> scores) {
  const at::Tensor cosines = (first * second).sum(-1).to(at::kDouble).contiguous();
  const std::span<const double> values(cosines.data_ptr<double>(), scores.size());
  return correlation(ranks(values), ranks(scores));
}

double found_again(const at::Tensor& values, std::span<const std::vector<std::int64_t>> neighbours) {
  at::Tensor others = values.clone();
  others.fill_diagonal_(-2.0);
  const auto found = best_columns(others);
  double share = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto hits = std::ranges::count_if(
        found[i], [&](std::int64_t row) { return std::ranges::find(neighbours[i], row) != neighbours[i].end(); });
    share += static_cast<double>(hits) / static_cast<double>(std::max<std::size_t>(1, neighbours[i].size()));
  }
  return share / static_cast<double>(found.size());
}

}  // namespace

DevScores retrieval_scores(const at::Tensor& queries, const at::Tensor& documents,
                           std::span<const std::vector<std::int64_t>> answers) {
  const Similarities forms = similarities(queries, documents);
  return {mean_ndcg(forms.float_search, answers), mean_ndcg(forms.int8_search, answers), mean_ndcg(forms.binary_search, answers)};
}

DevScores correlation_scores(const at::Tensor& first, const at::Tensor& second, std::span<const double> scores) {
  const at::Tensor a = unit_rows(first);
  const at::Tensor b = unit_rows(second);
  return {spearman(a, b, scores), spearman(fake_int8_rows(a), fake_int8_rows(b), scores),
          spearman(straight_through_signs(a, 1), straight_through_signs(b, 1), scores)};
}

DevScores label_scores(const at::Tensor& logits, std::span<const std::uint32_t> labels) {
  const at::Tensor best = logits.argmax(-1);
  std::size_t right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    right += best[static_cast<std::int64_t>(i)].item<std::int64_t>() == static_cast<std::int64_t>(labels[i]);
  }
  return {static_cast<double>(right) / static_cast<double>(labels.size()), 0, 0};
}

std::vector<std::vector<std::int64_t>> nearest_ten(const at::Tensor& rows) {
  at::Tensor values = at::matmul(unit_rows(rows), unit_rows(rows).t());
  values.fill_diagonal_(-2.0);
  return best_columns(values);
}

DevScores neighbour_scores(const at::Tensor& rows, std::span<const std::vector<std::int64_t>> neighbours) {
  const Similarities forms = similarities(rows, rows);
  return {found_again(forms.float_search, neighbours), found_again(forms.int8_search, neighbours),
          found_again(forms.binary_search, neighbours)};
}

}  // namespace orthant
