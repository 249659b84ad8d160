#include "index/candidates/row_geometry.h"

#include <algorithm>
#include <cmath>
#include <cstring>

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
  const std::size_t dim = values_.size();
  std::int8_t* values = values_.data();
  std::size_t i = 0;
  for (; i + sizeof(std::uint64_t) <= dim; i += sizeof(std::uint64_t)) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, code + i, sizeof eight);
    eight ^= 0x8080808080808080;
    std::memcpy(values + i, &eight, sizeof eight);
  }
  for (; i < dim; ++i) values[i] = static_cast<std::int8_t>(code[i] ^ 0x80);
  scale_ = *scales_.row_as<const float>(ordinal);
  squared_norm_ = squared_norm(ordinal, scale_);
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
    listed_codes_[i] = codes_.row(ordinals[i]);
    listed_scales_[i] = *scales_.row_as<const float>(ordinals[i]);
    listed_norms_[i] = metric_ == Metric::kDot ? lift(ordinals[i]) : squared_norm(ordinals[i], listed_scales_[i]);
  }
}

void RowGeometry::distances(float* out) {
  kernels_.dot_i8_list(values_.data(), listed_codes_.data(), values_.size(), listed_codes_.size(), dots_.data());
  finish(0, listed_codes_.size(), out);
}

void RowGeometry::near_distances(std::size_t first, std::size_t count, float* out) {
  kernels_.dot_i8_near(values_.data(), listed_codes_.data() + first, values_.size(), count, dots_.data());
  finish(first, count, out);
}

void RowGeometry::finish(std::size_t first, std::size_t count, float* out) const {
  const float* scales = listed_scales_.data() + first;
  const float* norms = listed_norms_.data() + first;
  const bool lifted = metric_ == Metric::kDot;
  const float mine = lifted ? 2 * rows_.largest_squared_norm() : squared_norm_;
  const float slope = lifted ? -2 * lift_ : 1;
  for (std::size_t i = 0; i < count; ++i) {
    const float dot = static_cast<float>(dots_[i]) * scale_ * scales[i];
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
