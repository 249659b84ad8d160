#pragma once
// BruteForce: the scores of one query against all rows in double precision, as users of the metric see them. And rows to search in.

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <span>
#include <vector>

#include "index/index_config.h"

namespace orthant::test {

class BruteForce {
 public:
  BruteForce(
      Metric metric, std::span<const float> query, std::span<const float> rows,
      const std::function<bool(Ordinal)>& eligible = [](Ordinal) { return true; })
      : metric_(metric) {
    const std::size_t dim = query.size();
    for (std::size_t row = 0; row < rows.size() / dim; ++row) {
      scores_.push_back(score(query, rows.subspan(row * dim, dim)));
      eligible_.push_back(eligible(static_cast<Ordinal>(row)));
    }
  }

  double score(Ordinal ordinal) const { return scores_[ordinal]; }
  bool is_eligible(Ordinal ordinal) const { return eligible_[ordinal]; }
  std::size_t eligible_count() const { return static_cast<std::size_t>(std::ranges::count(eligible_, true)); }

  // The best scores of eligible rows, best first.
  std::vector<double> best_scores(std::size_t count) const {
    std::vector<double> scores;
    for (std::size_t row = 0; row < scores_.size(); ++row) {
      if (eligible_[row]) scores.push_back(scores_[row]);
    }
    if (lower_score_is_better(metric_)) {
      std::ranges::sort(scores);
    } else {
      std::ranges::sort(scores, std::greater());
    }
    scores.resize(std::min(scores.size(), count));
    return scores;
  }

 private:
  double score(std::span<const float> query, std::span<const float> row) const {
    double dot = 0, query_squares = 0, row_squares = 0, squared_distance = 0, distance = 0;
    for (std::size_t i = 0; i < query.size(); ++i) {
      const double q = query[i], x = row[i];
      dot += q * x;
      query_squares += q * q;
      row_squares += x * x;
      squared_distance += (q - x) * (q - x);
      distance += std::fabs(q - x);
    }
    switch (metric_) {
      case Metric::kCosine: return query_squares * row_squares == 0 ? 0 : dot / std::sqrt(query_squares * row_squares);
      case Metric::kDot: return dot;
      case Metric::kEuclid: return std::sqrt(squared_distance);
      case Metric::kManhattan: return distance;
    }
    return 0;
  }

  Metric metric_;
  std::vector<double> scores_;
  std::vector<bool> eligible_;
};

// `count` x dim values: normally distributed around one of a few centres, so that rows have near neighbours. The centres are the
// same in every call.
inline std::vector<float> clustered_rows(std::size_t count, std::size_t dim, std::mt19937_64& random) {
  constexpr std::size_t kCentres = 12;
  std::mt19937_64 fixed(dim);
  std::normal_distribution<float> normal;
  std::vector<float> centres(kCentres * dim);
  for (float& value : centres) value = normal(fixed);
  std::vector<float> rows(count * dim);
  for (std::size_t row = 0; row < count; ++row) {
    const std::size_t centre = random() % kCentres;
    for (std::size_t i = 0; i < dim; ++i) rows[row * dim + i] = centres[centre * dim + i] + 0.7f * normal(random);
  }
  return rows;
}

}  // namespace orthant::test
