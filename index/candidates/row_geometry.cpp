#include "index/candidates/row_geometry.h"

#include <algorithm>
#include <cmath>

namespace orthant {
namespace {

float spread_of(std::span<const float> values) {
  double sum = 0;
  double squares = 0;
  for (float value : values) {
    sum += value;
    squares += double{value} * value;
  }
  const auto count = static_cast<double>(std::max<std::size_t>(1, values.size()));
  return static_cast<float>(std::sqrt(std::max(0.0, squares / count - sum / count * (sum / count))));
}

}  // namespace

RowGeometry::RowGeometry(const CodeTables& tables, const GraphRows& rows, Metric metric, const DistanceKernels& kernels)
    : codes_(*tables.int8_codes()),
      scales_(*tables.int8_scales()),
      rows_(rows),
      metric_(metric),
      kernels_(kernels),
      values_(codes_.row_bytes()) {}

void RowGeometry::take(Ordinal ordinal) {
  const std::uint8_t* code = codes_.row(ordinal);
  // A local pointer: bytes may alias anything, the vector's own pointer too, and the loop would not be vectorized.
  std::int8_t* values = values_.data();
  for (std::size_t i = 0, dim = values_.size(); i < dim; ++i) values[i] = static_cast<std::int8_t>(code[i] ^ 0x80);
  scale_ = *scales_.row_as<const float>(ordinal);
  squared_norm_ = squared_norm(ordinal, scale_);
  lift_ = lift(ordinal);
}

float RowGeometry::lift(Ordinal ordinal) const {
  if (metric_ != Metric::kDot) return 0;
  return std::sqrt(std::max(0.0f, rows_.largest_squared_norm() - rows_.squared_norm(rows_.line(ordinal))));
}

void RowGeometry::distances(std::span<const Ordinal> ordinals, float* out) {
  if (listed_.size() < ordinals.size()) {
    listed_.resize(ordinals.size());
    dots_.resize(ordinals.size());
  }
  for (std::size_t i = 0; i < ordinals.size(); ++i) listed_[i] = codes_.row(ordinals[i]);
  kernels_.dot_i8_list(values_.data(), listed_.data(), values_.size(), ordinals.size(), dots_.data());
  for (std::size_t i = 0; i < ordinals.size(); ++i) {
    const float scale = *scales_.row_as<const float>(ordinals[i]);
    const float dot = static_cast<float>(dots_[i]) * scale_ * scale;
    const float norms = metric_ == Metric::kDot ? 2 * rows_.largest_squared_norm() - 2 * lift_ * lift(ordinals[i])
                                                : squared_norm_ + squared_norm(ordinals[i], scale);
    out[i] = std::max(0.0f, norms - 2 * dot);
  }
}

std::size_t prune(std::span<Neighbour> candidates, std::size_t degree, float alpha, RowGeometry& geometry) {
  thread_local std::vector<Ordinal> ordinals;
  thread_local std::vector<float> distances;
  const std::size_t most_equal = degree / 4;
  std::size_t equal = 0;
  std::size_t chosen = 0;
  std::size_t size = candidates.size();
  // [0, chosen) is chosen, [chosen, size) still stands.
  while (chosen < size && chosen < degree) {
    const Neighbour nearest = candidates[chosen++];
    if (nearest.distance == 0) ++equal;
    if (chosen == size || chosen == degree) break;
    geometry.take(nearest.ordinal);
    ordinals.clear();
    for (std::size_t i = chosen; i < size; ++i) ordinals.push_back(candidates[i].ordinal);
    distances.resize(std::max(distances.size(), ordinals.size()));
    geometry.distances(ordinals, distances.data());
    std::size_t kept = chosen;
    for (std::size_t i = chosen; i < size; ++i) {
      const Neighbour candidate = candidates[i];
      const bool displaced = candidate.distance == 0 ? equal >= most_equal : alpha * distances[i - chosen] <= candidate.distance;
      if (!displaced) candidates[kept++] = candidates[i];
    }
    size = kept;
  }
  return chosen;
}

float spread_between(const CodeTables& tables, const GraphRows& rows, Metric metric, const DistanceKernels& kernels,
                     std::span<const Ordinal> ordinals) {
  const RowColumn& codes = *tables.int8_codes();
  const RowColumn& scales = *tables.int8_scales();
  const auto scale = [&](Ordinal ordinal) { return *scales.row_as<const float>(ordinal); };
  const auto squared_norm = [&](Ordinal ordinal) { return rows.squared_norm(rows.line(ordinal)); };
  std::vector<std::int8_t> values(codes.row_bytes());
  std::vector<float> distances;
  for (std::size_t i = 0; i < ordinals.size(); ++i) {
    const std::uint8_t* row = codes.row(ordinals[i]);
    for (std::size_t k = 0; k < values.size(); ++k) values[k] = static_cast<std::int8_t>(row[k] ^ 0x80);
    for (const Ordinal other : ordinals.subspan(i + 1)) {
      std::int32_t product = 0;
      kernels.dot_i8_rows(values.data(), codes.row(other), values.size(), 1, &product);
      const float dot = static_cast<float>(product) * scale(ordinals[i]) * scale(other);
      distances.push_back(metric == Metric::kEuclid ? squared_norm(ordinals[i]) + squared_norm(other) - 2 * dot : -dot);
    }
  }
  return spread_of(distances);
}

}  // namespace orthant
