#include "index/row_distances.h"

#include <array>

#include "index/top_k.h"

namespace orthant {
namespace {

// What the kernels give for a metric, as a finite distance.
void finish(Metric metric, float* distances, std::size_t count) {
  const bool negate = metric == Metric::kCosine || metric == Metric::kDot;
  for (std::size_t i = 0; i < count; ++i) distances[i] = finite_distance(negate ? -distances[i] : distances[i]);
}

void float_list(const DistanceKernels& kernels, const PreparedQuery& query, const float* const* rows, std::size_t count,
                float* out) {
  const std::size_t dim = query.floats.size();
  const auto kernel = query.metric == Metric::kEuclid      ? kernels.l2_f32_list
                      : query.metric == Metric::kManhattan ? kernels.l1_f32_list
                                                           : kernels.dot_f32_list;
  kernel(query.floats.data(), rows, dim, count, out);
  finish(query.metric, out, count);
}

}  // namespace

void float_distances(const DistanceKernels& kernels, const PreparedQuery& query, const float* rows, std::size_t count, float* out) {
  const std::size_t dim = query.floats.size();
  const auto kernel = query.metric == Metric::kEuclid      ? kernels.l2_f32_rows
                      : query.metric == Metric::kManhattan ? kernels.l1_f32_rows
                                                           : kernels.dot_f32_rows;
  kernel(query.floats.data(), rows, dim, count, out);
  finish(query.metric, out, count);
}

float Int8Distances::distance(std::int32_t dot, Ordinal ordinal) const {
  const float scale = *scales_.row_as<const float>(ordinal) * query_.int8.scale;
  const float product = static_cast<float>(dot) * scale;
  if (query_.metric != Metric::kEuclid) return finite_distance(-product);
  return finite_distance(*squared_norms_->row_as<const float>(ordinal) - 2 * product + query_.squared_norm);
}

void Int8Distances::rows(Ordinal first, std::size_t count, float* out) const {
  std::array<std::int32_t, kBlockRows> dots;
  kernels_.dot_i8_rows(query_.int8.values.data(), codes_.row(first), query_.floats.size(), count, dots.data());
  for (std::size_t i = 0; i < count; ++i) out[i] = distance(dots[i], first + static_cast<Ordinal>(i));
}

void Int8Distances::list(std::span<const Ordinal> ordinals, float* out) const {
  std::array<const std::uint8_t*, kBlockRows> rows;
  std::array<std::int32_t, kBlockRows> dots;
  for (std::size_t i = 0; i < ordinals.size(); ++i) {
    rows[i] = codes_.row(ordinals[i]);
    __builtin_prefetch(scales_.row(ordinals[i]));
  }
  kernels_.dot_i8_list(query_.int8.values.data(), rows.data(), query_.floats.size(), ordinals.size(), dots.data());
  for (std::size_t i = 0; i < ordinals.size(); ++i) out[i] = distance(dots[i], ordinals[i]);
}

void DecodedDistances::rows(Ordinal first, std::size_t count, float* out) const {
  for (std::size_t i = 0; i < count; ++i) {
    const Ordinal ordinal = first + static_cast<Ordinal>(i);
    list({&ordinal, 1}, out + i);
  }
}

void DecodedDistances::list(std::span<const Ordinal> ordinals, float* out) const {
  const float* buffer = buffer_.data();
  for (std::size_t i = 0; i < ordinals.size(); ++i) {
    const float scale = *scales_.row_as<const float>(ordinals[i]);
    kernels_.decode_i8(codes_.row(ordinals[i]), buffer_.size(), scale, buffer_.data());
    float_list(kernels_, query_, &buffer, 1, out + i);
  }
}

void FloatDistances::rows(Ordinal first, std::size_t count, float* out) const {
  float_distances(kernels_, query_, floats_.row_as<float>(first), count, out);
}

void FloatDistances::list(std::span<const Ordinal> ordinals, float* out) const {
  std::array<const float*, kBlockRows> rows;
  for (std::size_t i = 0; i < ordinals.size(); ++i) rows[i] = floats_.row_as<float>(ordinals[i]);
  float_list(kernels_, query_, rows.data(), ordinals.size(), out);
}

}  // namespace orthant
