#include "engine/query/similarity.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/float_values.h"

namespace orthant {
namespace {

float dense_similarity(Metric metric, std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return 0;
  float sum = 0;
  switch (metric) {
    case Metric::kCosine:
    case Metric::kDot:
      for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
      return sum;
    case Metric::kEuclid:
      for (std::size_t i = 0; i < a.size(); ++i) sum -= (a[i] - b[i]) * (a[i] - b[i]);
      return sum;
    case Metric::kManhattan:
      for (std::size_t i = 0; i < a.size(); ++i) sum -= std::abs(a[i] - b[i]);
      return sum;
  }
  return sum;
}

float sparse_similarity(const SparseVector& a, const SparseVector& b) {
  float sum = 0;
  for (std::size_t i = 0, j = 0; i < a.indices.size() && j < b.indices.size();) {
    if (a.indices[i] == b.indices[j]) sum += a.values[i] * b.values[j];
    const bool first_behind = a.indices[i] <= b.indices[j];
    const bool second_behind = b.indices[j] <= a.indices[i];
    i += first_behind ? 1 : 0;
    j += second_behind ? 1 : 0;
  }
  return sum;
}

float multi_similarity(Metric metric, const MultiVector& query, const MultiVector& vector) {
  float sum = 0;
  for (std::size_t i = 0; i < query.rows(); ++i) {
    float best = -std::numeric_limits<float>::infinity();
    for (std::size_t j = 0; j < vector.rows(); ++j) best = std::max(best, dense_similarity(metric, query.row(i), vector.row(j)));
    if (vector.rows() > 0) sum += best;
  }
  return sum;
}

// Adds weight * vector.
void add_dense(std::vector<double>& sum, const std::vector<float>& vector, double weight) {
  sum.resize(std::max(sum.size(), vector.size()));
  for (std::size_t i = 0; i < vector.size(); ++i) sum[i] += weight * vector[i];
}

void add_sparse(std::map<std::uint32_t, double>& sum, const SparseVector& vector, double weight) {
  for (std::size_t i = 0; i < vector.indices.size(); ++i) sum[vector.indices[i]] += weight * vector.values[i];
}

// What each positive and each negative weighs.
struct Weights {
  double positive = 0;
  double negative = 0;
};

std::vector<float> average_dense(std::span<const VectorValue> positives, std::span<const VectorValue> negatives, Weights weights) {
  std::vector<double> sum;
  for (const VectorValue& value : positives) add_dense(sum, std::get<std::vector<float>>(value), weights.positive);
  for (const VectorValue& value : negatives) add_dense(sum, std::get<std::vector<float>>(value), weights.negative);
  return {sum.begin(), sum.end()};
}

SparseVector average_sparse(std::span<const VectorValue> positives, std::span<const VectorValue> negatives, Weights weights) {
  std::map<std::uint32_t, double> sum;
  for (const VectorValue& value : positives) add_sparse(sum, std::get<SparseVector>(value), weights.positive);
  for (const VectorValue& value : negatives) add_sparse(sum, std::get<SparseVector>(value), weights.negative);
  SparseVector result;
  for (const auto& [index, value] : sum) {
    result.indices.push_back(index);
    result.values.push_back(static_cast<float>(value));
  }
  return result;
}

MultiVector joined_rows(std::span<const VectorValue> positives, std::span<const VectorValue> negatives) {
  MultiVector result = std::get<MultiVector>(positives.front());
  const auto add = [&result](const VectorValue& value, float factor) {
    for (const float number : std::get<MultiVector>(value).values) result.values.push_back(factor * number);
  };
  for (const VectorValue& value : positives.subspan(1)) add(value, 1);
  for (const VectorValue& value : negatives) add(value, -1);
  return result;
}

}  // namespace

float similarity(Metric metric, const VectorValue& query, const VectorValue& vector) {
  const auto* rows = std::get_if<MultiVector>(&vector);
  if (const auto* dense = std::get_if<std::vector<float>>(&query); dense != nullptr && rows != nullptr) {
    return multi_similarity(metric, {.values = *dense, .dim = dense->size()}, *rows);
  }
  if (query.index() != vector.index()) return 0;
  if (const auto* sparse = std::get_if<SparseVector>(&query)) return sparse_similarity(*sparse, std::get<SparseVector>(vector));
  if (const auto* multi = std::get_if<MultiVector>(&query)) return multi_similarity(metric, *multi, std::get<MultiVector>(vector));
  return dense_similarity(metric, std::get<std::vector<float>>(query), std::get<std::vector<float>>(vector));
}

float score_of_similarity(Metric metric, float similarity) {
  if (metric == Metric::kEuclid) return std::sqrt(std::max(0.0F, -similarity));
  return metric == Metric::kManhattan ? -similarity : similarity;
}

void normalize_value(VectorValue& value) {
  if (auto* dense = std::get_if<std::vector<float>>(&value)) scale_to_unit_length(*dense);
  if (auto* multi = std::get_if<MultiVector>(&value)) {
    for (std::size_t i = 0; i < multi->rows(); ++i)
      scale_to_unit_length(std::span(multi->values).subspan(i * multi->dim, multi->dim));
  }
}

VectorValue average_example(std::span<const VectorValue> positives, std::span<const VectorValue> negatives) {
  if (std::holds_alternative<MultiVector>(positives.front())) return joined_rows(positives, negatives);
  Weights weights = {.positive = 1 / static_cast<double>(positives.size())};
  if (!negatives.empty()) {
    weights.positive *= 2;
    weights.negative = -1 / static_cast<double>(negatives.size());
  }
  if (std::holds_alternative<SparseVector>(positives.front())) return average_sparse(positives, negatives, weights);
  return average_dense(positives, negatives, weights);
}

}  // namespace orthant
