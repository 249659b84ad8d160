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
    : int8_(tables), rows_(rows), metric_(metric), kernels_(kernels) {}

void RowGeometry::take(Ordinal ordinal) {
  int8_.take_as_query(kernels_, ordinal, decoded_, taken_);
  squared_norm_ = squared_norm(ordinal, int8_.scale(ordinal));
  lift_ = lift(ordinal);
}

float RowGeometry::lift(Ordinal ordinal) const {
  if (metric_ != Metric::kDot) return 0;
  return std::sqrt(std::max(0.0f, rows_.largest_squared_norm() - rows_.squared_norm(rows_.line(ordinal))));
}

void RowGeometry::list(std::span<const Ordinal> ordinals) {
  listed_ordinals_.assign(ordinals.begin(), ordinals.end());
  listed_codes_.resize(ordinals.size());
  listed_scales_.resize(ordinals.size());
  listed_norms_.resize(ordinals.size());
  dots_.resize(ordinals.size());
  for (std::size_t i = 0; i < ordinals.size(); ++i) {
    listed_codes_[i] = int8_.code(ordinals[i]);
    listed_scales_[i] = int8_.scale(ordinals[i]);
    listed_norms_[i] = metric_ == Metric::kDot ? lift(ordinals[i]) : squared_norm(ordinals[i], listed_scales_[i]);
  }
}

void RowGeometry::distances(float* out) {
  kernels_.dot_i8_list(taken_.values.data(), listed_codes_.data(), int8_.dim(), listed_codes_.size(), dots_.data());
  finish(0, listed_codes_.size(), out);
}

void RowGeometry::near_distances(std::size_t first, std::size_t count, float* out) {
  kernels_.dot_i8_near(taken_.values.data(), listed_codes_.data() + first, int8_.dim(), count, dots_.data());
  finish(first, count, out);
}

void RowGeometry::finish(std::size_t first, std::size_t count, float* out) const {
  const float* scales = listed_scales_.data() + first;
  const float* norms = listed_norms_.data() + first;
  const bool lifted = metric_ == Metric::kDot;
  const float mine = lifted ? 2 * rows_.largest_squared_norm() : squared_norm_;
  const float slope = lifted ? -2 * lift_ : 1;
  for (std::size_t i = 0; i < count; ++i) {
    const float dot = static_cast<float>(dots_[i]) * taken_.scale * scales[i] + taken_.constant;
    out[i] = std::max(0.0f, mine + slope * norms[i] - 2 * dot);
  }
}

void RowGeometry::move_listed(std::size_t from, std::size_t to) {
  listed_ordinals_[to] = listed_ordinals_[from];
  listed_codes_[to] = listed_codes_[from];
  listed_scales_[to] = listed_scales_[from];
  listed_norms_[to] = listed_norms_[from];
}

std::size_t prune(std::span<Neighbour> candidates, std::size_t degree, float alpha, RowGeometry& geometry) {
  thread_local std::vector<Ordinal> ordinals;
  thread_local std::vector<float> distances;
  ordinals.clear();
  for (const Neighbour& candidate : candidates) ordinals.push_back(candidate.ordinal);
  geometry.list(ordinals);
  distances.resize(std::max(distances.size(), candidates.size()));
  const std::size_t most_equal = degree / 4;
  std::size_t equal = 0;
  std::size_t chosen = 0;
  std::size_t size = candidates.size();
  // [0, chosen) is chosen, [chosen, size) still stands.
  while (chosen < size && chosen < degree) {
    const Neighbour nearest = candidates[chosen];
    geometry.take_listed(chosen++);
    if (nearest.distance == 0) ++equal;
    if (chosen == size || chosen == degree) break;
    geometry.near_distances(chosen, size - chosen, distances.data());
    std::size_t kept = chosen;
    for (std::size_t i = chosen; i < size; ++i) {
      const Neighbour candidate = candidates[i];
      const bool displaced = candidate.distance == 0 ? equal >= most_equal : alpha * distances[i - chosen] <= candidate.distance;
      if (displaced) continue;
      if (kept != i) {
        candidates[kept] = candidate;
        geometry.move_listed(i, kept);
      }
      ++kept;
    }
    size = kept;
  }
  return chosen;
}

float spread_between(const CodeTables& tables, const GraphRows& rows, Metric metric, const DistanceKernels& kernels,
                     std::span<const Ordinal> ordinals) {
  const Int8Rows int8(tables);
  const auto squared_norm = [&](Ordinal ordinal) { return rows.squared_norm(rows.line(ordinal)); };
  QuantizedQuery taken;
  std::vector<float> decoded;
  std::vector<float> distances;
  for (std::size_t i = 0; i < ordinals.size(); ++i) {
    int8.take_as_query(kernels, ordinals[i], decoded, taken);
    for (const Ordinal other : ordinals.subspan(i + 1)) {
      std::int32_t product = 0;
      kernels.dot_i8_rows(taken.values.data(), int8.code(other), int8.dim(), 1, &product);
      const float dot = static_cast<float>(product) * taken.scale * int8.scale(other) + taken.constant;
      distances.push_back(metric == Metric::kEuclid ? squared_norm(ordinals[i]) + squared_norm(other) - 2 * dot : -dot);
    }
  }
  return spread_of(distances);
}

}  // namespace orthant
