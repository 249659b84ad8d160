#include "index/sampled_queries.h"

#include <algorithm>
#include <cmath>

namespace orthant {
namespace {

constexpr float kQueryNoise = 0.8f;

std::vector<Ordinal> sample_of(const RowMask& mask, std::size_t count, std::mt19937_64& random) {
  std::vector<Ordinal> all;
  mask.for_each([&](Ordinal ordinal) { all.push_back(ordinal); });
  std::vector<Ordinal> rows;
  std::ranges::sample(all, std::back_inserter(rows), static_cast<std::ptrdiff_t>(count), random);
  return rows;
}

// Adds normally distributed noise to each value, in proportion to the standard deviation of its dimension.
void move_rows(std::vector<float>& rows, std::size_t dim, std::mt19937_64& random) {
  const auto count = static_cast<double>(rows.size()) / static_cast<double>(dim);
  std::normal_distribution<float> normal;
  for (std::size_t i = 0; i < dim; ++i) {
    double sum = 0;
    double squares = 0;
    for (std::size_t position = i; position < rows.size(); position += dim) {
      sum += rows[position];
      squares += double{rows[position]} * rows[position];
    }
    const double variance = std::max(0.0, squares / count - sum / count * (sum / count));
    const auto deviation = static_cast<float>(std::sqrt(variance));
    for (std::size_t position = i; position < rows.size(); position += dim)
      rows[position] += kQueryNoise * deviation * normal(random);
  }
}

}  // namespace

Result<SampledQueries> sample_queries(const IndexParts& parts, const RowMask& mask, std::size_t row_count,
                                      std::mt19937_64& random) {
  const std::size_t dim = parts.config.dim;
  const ResidentFloats::Use resident(parts.tables.floats());
  SampledQueries queries;
  std::vector<float> row(dim);
  for (Ordinal ordinal : sample_of(mask, row_count, random)) {
    if (resident.rows() != nullptr) {
      const auto* values = resident.rows()->row_as<const float>(ordinal);
      row.assign(values, values + dim);
    } else {
      const Status read = parts.stored->read({&ordinal, 1}, row);
      if (!read && read.error().code == ErrorCode::kDataCorruption) continue;
      ORTHANT_TRY(read);
    }
    queries.rows.push_back(ordinal);
    queries.vectors.insert(queries.vectors.end(), row.begin(), row.end());
  }
  std::vector<float> moved = queries.vectors;
  move_rows(moved, dim, random);
  if (parts.config.metric == Metric::kCosine) {
    for (std::size_t i = 0; i < queries.rows.size(); ++i) normalize(std::span(moved).subspan(i * dim, dim));
  }
  queries.vectors.insert(queries.vectors.end(), moved.begin(), moved.end());
  const std::vector<Ordinal> again = queries.rows;
  queries.rows.insert(queries.rows.end(), again.begin(), again.end());
  return queries;
}

}  // namespace orthant
