#include "index/dimension_ranges.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "index/vector_sums.h"

// Compiled without floating-point contraction: each subtraction and division rounds to float, as NumPy's do.

namespace orthant {
namespace {

constexpr float kLevels = 255;

// The values at both ends of the middle share. Changes the order.
std::pair<float, float> range_of(std::span<float> values, double quantile) {
  const auto outside = static_cast<std::size_t>((1 - quantile) / 2 * static_cast<double>(values.size()));
  const auto low = values.begin() + static_cast<std::ptrdiff_t>(outside);
  const auto high = values.end() - 1 - static_cast<std::ptrdiff_t>(outside);
  std::ranges::nth_element(values, low);
  const float smallest = *low;
  std::nth_element(low, high, values.end());
  return {smallest, *high};
}

}  // namespace

DimensionRanges::DimensionRanges(std::vector<float> starts, std::vector<float> steps)
    : starts_(std::move(starts)), steps_(std::move(steps)), middles_(starts_.size()) {
  for (std::size_t i = 0; i < starts_.size(); ++i) middles_[i] = starts_[i] + 128.5f * steps_[i];
}

std::shared_ptr<const DimensionRanges> DimensionRanges::of_rows(std::span<const float> rows, std::size_t dim, double quantile) {
  const std::size_t count = rows.size() / dim;
  std::vector<float> starts(dim), steps(dim), values(count);
  for (std::size_t i = 0; i < dim; ++i) {
    for (std::size_t row = 0; row < count; ++row) values[row] = rows[row * dim + i];
    const auto [low, high] = range_of(values, quantile);
    const float step = (high - low) / kLevels;
    starts[i] = low;
    // Rows of huge values may lie farther apart than a float can say.
    steps[i] = step > 0 && std::isfinite(step) ? step : 1;
  }
  return std::shared_ptr<const DimensionRanges>(new DimensionRanges(std::move(starts), std::move(steps)));
}

std::shared_ptr<const DimensionRanges> DimensionRanges::restore(std::size_t dim, std::string_view parameters) {
  if (parameters.size() != 2 * dim * sizeof(float)) return nullptr;
  std::vector<float> starts(dim), steps(dim);
  std::memcpy(starts.data(), parameters.data(), dim * sizeof(float));
  std::memcpy(steps.data(), parameters.data() + dim * sizeof(float), dim * sizeof(float));
  const bool whole = std::ranges::all_of(starts, [](float start) { return std::isfinite(start); }) &&
                     std::ranges::all_of(steps, [](float step) { return std::isfinite(step) && step > 0; });
  if (!whole) return nullptr;
  return std::shared_ptr<const DimensionRanges>(new DimensionRanges(std::move(starts), std::move(steps)));
}

std::string DimensionRanges::parameters() const {
  std::string bytes(2 * dim() * sizeof(float), '\0');
  std::memcpy(bytes.data(), starts_.data(), dim() * sizeof(float));
  std::memcpy(bytes.data() + dim() * sizeof(float), steps_.data(), dim() * sizeof(float));
  return bytes;
}

// Held within the range before it is cut to an integer: the same numbers as after a floor, and never too large for one.
void DimensionRanges::encode(std::span<const float> vector, std::span<std::uint8_t> code) const {
  for (std::size_t i = 0; i < vector.size(); ++i) {
    const float level = (vector[i] - starts_[i]) / steps_[i];
    const float at_least_zero = level > 0 ? level : 0;
    code[i] = static_cast<std::uint8_t>(static_cast<std::int32_t>(at_least_zero < kLevels ? at_least_zero : kLevels));
  }
}

void DimensionRanges::decode(const std::uint8_t* code, float* vector) const {
  for (std::size_t i = 0; i < dim(); ++i) vector[i] = middles_[i] + steps_[i] * static_cast<float>(code[i] - 128);
}

void DimensionRanges::quantize_query(std::span<const float> query, QuantizedQuery& out) const {
  std::vector<float>& weights = out.weights;
  weights.resize(dim());
  for (std::size_t i = 0; i < dim(); ++i) weights[i] = query[i] * steps_[i];
  quantize_values(weights, out);
  out.constant = static_cast<float>(sum_of_products(query, middles_));
}

double DimensionRanges::outside_share(std::span<const float> rows) const {
  if (rows.empty()) return 0;
  std::size_t outside = 0;
  for (std::size_t at = 0; at < rows.size(); ++at) {
    const std::size_t i = at % dim();
    const float level = (rows[at] - starts_[i]) / steps_[i];
    outside += level < 0 || level > kLevels + 0.001f ? 1 : 0;
  }
  return static_cast<double>(outside) / static_cast<double>(rows.size());
}

}  // namespace orthant
