#include "index/row_distances.h"

#include <array>
#include <cmath>

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
  const float scale = rows_.scale(ordinal) * query_.int8.scale;
  const float product = static_cast<float>(dot) * scale + query_.int8.constant;
  if (query_.metric != Metric::kEuclid) return finite_distance(-product);
  return finite_distance(*squared_norms_->row_as<const float>(ordinal) - 2 * product + query_.squared_norm);
}

// A rounded value lies anywhere within its step: step^2 / 12, times the squared norm of the other side.
float Int8Distances::error(Ordinal ordinal) const {
  const std::uint8_t* code = rows_.code(ordinal);
  std::int32_t squares = 0;
  for (std::size_t i = 0; i < rows_.dim(); ++i) squares += (code[i] - 128) * (code[i] - 128);
  const float scale = rows_.scale(ordinal);
  const float by_query = query_.int8.scale * scale * std::sqrt(static_cast<float>(squares));
  const float by_row = scale * std::sqrt(query_.squared_norm);
  const float of_product = std::sqrt((by_query * by_query + by_row * by_row) / 12);
  return query_.metric == Metric::kEuclid ? 2 * of_product : of_product;
}

void Int8Distances::rows(Ordinal first, std::size_t count, float* out) const {
  std::array<std::int32_t, kBlockRows> dots;
  kernels_.dot_i8_rows(query_.int8.values.data(), rows_.code(first), query_.floats.size(), count, dots.data());
  for (std::size_t i = 0; i < count; ++i) out[i] = distance(dots[i], first + static_cast<Ordinal>(i));
}

void Int8Distances::list(std::span<const Ordinal> ordinals, float* out) const {
  std::array<const std::uint8_t*, kBlockRows> rows;
  std::array<std::int32_t, kBlockRows> dots;
  for (std::size_t i = 0; i < ordinals.size(); ++i) {
    rows[i] = rows_.code(ordinals[i]);
    rows_.fetch_scale(ordinals[i]);
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
    rows_.decode(kernels_, ordinals[i], buffer_.data());
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
