#include "index/multi/multi_codes.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "index/kernels/dispatch.h"

namespace orthant {
namespace {

constexpr double kDeviations = 6;
// An error that is spread evenly over one step has this share of the step's square as its variance.
constexpr double kVarianceOfRounding = 1.0 / 12;
// Of sums of float products.
constexpr double kFloatError = 1e-5;

using CompareRows = void (*)(const float* query, const float* rows, std::size_t dim, std::size_t count, float* out);

CompareRows compare_rows(Metric metric) {
  const DistanceKernels& kernels = distance_kernels();
  if (metric == Metric::kEuclid) return kernels.l2_f32_rows;
  return metric == Metric::kManhattan ? kernels.l1_f32_rows : kernels.dot_f32_rows;
}

double mean_squared_error(std::span<const float> vector, const QuantizedQuery& quantized) {
  double sum = 0;
  for (std::size_t i = 0; i < vector.size(); ++i) {
    const double error = double{vector[i]} - double{quantized.scale} * quantized.values[i];
    sum += error * error;
  }
  return sum / static_cast<double>(vector.size());
}

// Calls visit(first, count) for the pieces of a run that lie in one chunk.
template <typename Visit>
void for_each_piece(VectorRun run, const Visit& visit) {
  for (std::size_t done = 0; done < run.count;) {
    const std::size_t first = run.first + done;
    const std::size_t count = std::min(run.count - done, chunk_first_row(chunk_of(first) + 1) - first);
    visit(first, count);
    done += count;
  }
}

}  // namespace

double max_sim(Metric metric, std::size_t dim, std::span<const float> query, std::span<const float> vectors,
               std::vector<float>& scratch) {
  const CompareRows compare = compare_rows(metric);
  scratch.resize(vectors.size() / dim);
  double sum = 0;
  for (std::size_t q = 0; q < query.size(); q += dim) {
    compare(query.data() + q, vectors.data(), dim, scratch.size(), scratch.data());
    sum += lower_score_is_better(metric) ? -double{*std::ranges::min_element(scratch)} : double{*std::ranges::max_element(scratch)};
  }
  return sum;
}

MultiCodes::MultiCodes(std::size_t dim, Metric metric) : dim_(dim), metric_(metric), codes_(dim), factors_(sizeof(Factors)) {}

MultiCodes::Query MultiCodes::prepare(std::span<const float> query) const {
  Query prepared{.values = query, .vectors = {}, .squares = {}};
  for (std::size_t q = 0; q < query.size(); q += dim_) {
    const std::span<const float> vector = query.subspan(q, dim_);
    prepared.vectors.push_back(quantize_query(vector));
    prepared.squares.push_back(squared_norm(vector));
    prepared.square_sum += prepared.squares.back();
    prepared.error_square_sum += mean_squared_error(vector, prepared.vectors.back());
  }
  return prepared;
}

Status MultiCodes::reserve(std::size_t count) {
  ORTHANT_TRY(codes_.reserve(count));
  return factors_.reserve(count);
}

void MultiCodes::append(std::size_t first, std::span<const float> vectors) {
  for (std::size_t i = 0; i < vectors.size(); i += dim_, ++first) {
    const std::span<const float> vector = vectors.subspan(i, dim_);
    const float scale = quantize_row(vector, {codes_.row(first), dim_});
    *factors_.row_as<Factors>(first) = {scale, squared_norm(vector)};
  }
}

double MultiCodes::estimate_by_dots(const Query& query, VectorRun run, Scratch& scratch) const {
  const auto dot_rows = distance_kernels().dot_i8_rows;
  const bool euclidean = metric_ == Metric::kEuclid;
  double sum = 0;
  for (std::size_t q = 0; q < query.vectors.size(); ++q) {
    const float factor = query.vectors[q].scale * (euclidean ? 2.0F : 1.0F);
    float best = -std::numeric_limits<float>::infinity();
    for_each_piece(run, [&](std::size_t first, std::size_t count) {
      dot_rows(query.vectors[q].values.data(), codes_.row(first), dim_, count, scratch.dots.data());
      const Factors* factors = factors_.row_as<Factors>(first);
      for (std::size_t i = 0; i < count; ++i) {
        const float similarity =
            static_cast<float>(scratch.dots[i]) * factors[i].scale * factor - (euclidean ? factors[i].square : 0.0F);
        best = std::max(best, similarity);
      }
    });
    sum += double{best} - (euclidean ? double{query.squares[q]} : 0.0);
  }
  return sum;
}

double MultiCodes::estimate_decoded(const Query& query, VectorRun run, Scratch& scratch) const {
  const auto decode = distance_kernels().decode_i8;
  scratch.decoded.resize(run.count * dim_);
  float* out = scratch.decoded.data();
  for_each_piece(run, [&](std::size_t first, std::size_t count) {
    for (std::size_t i = first; i < first + count; ++i, out += dim_)
      decode(codes_.row(i), dim_, factors_.row_as<Factors>(i)->scale, out);
  });
  return max_sim(metric_, dim_, query.values, scratch.decoded, scratch.distances);
}

float MultiCodes::margin_of(const Query& query, VectorRun run, double similarity) const {
  float scale = 0;
  float square = 0;
  for_each_piece(run, [&](std::size_t first, std::size_t count) {
    const Factors* factors = factors_.row_as<Factors>(first);
    for (std::size_t i = 0; i < count; ++i) {
      scale = std::max(scale, factors[i].scale);
      square = std::max(square, factors[i].square);
    }
  });
  const bool decoded = metric_ == Metric::kManhattan;  // every dimension counts alike, and the query is exact
  const double weight = decoded ? static_cast<double>(query.values.size()) : double{query.square_sum};
  const double of_rows = kVarianceOfRounding * scale * scale * weight;
  const double of_query = decoded ? 0 : double{square} * query.error_square_sum;
  const double variance = (of_rows + of_query) * (metric_ == Metric::kEuclid ? 4 : 1);
  const double terms =
      std::abs(similarity) + std::sqrt(double{square} * query.square_sum * static_cast<double>(query.vectors.size()));
  return static_cast<float>(kDeviations * std::sqrt(variance) + kFloatError * terms);
}

SimilarityEstimate MultiCodes::estimate(const Query& query, VectorRun run, Scratch& scratch) const {
  scratch.dots.resize(std::max<std::size_t>(scratch.dots.size(), run.count));
  const double similarity =
      metric_ == Metric::kManhattan ? estimate_decoded(query, run, scratch) : estimate_by_dots(query, run, scratch);
  return {static_cast<float>(similarity), margin_of(query, run, similarity)};
}

}  // namespace orthant
