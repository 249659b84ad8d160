#include "encoder/quantize/input_sample.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "base/aligned_array.h"
#include "encoder/kernels/float_dispatch.h"

namespace orthant {
namespace {

// Rows whose products are summed in float before they are added up in double.
constexpr std::size_t kChunkRows = 256;

// Of inputs that were never seen, or whose weights are all zero.
constexpr float kLeastPeak = 1e-5F;

// The chunk turned: inputs x rows.
void transpose(const float* rows, std::size_t row_count, std::size_t inputs, float* turned) {
  for (std::size_t row = 0; row < row_count; ++row) {
    for (std::size_t i = 0; i < inputs; ++i) turned[i * row_count + row] = rows[row * inputs + i];
  }
}

}  // namespace

std::vector<float> input_peaks(const InputSample& sample) {
  std::vector<float> peaks(sample.inputs);
  for (std::size_t i = 0; i < sample.rows.size(); ++i) {
    float& peak = peaks[i % sample.inputs];
    peak = std::max(peak, std::abs(sample.rows[i]));
  }
  return peaks;
}

std::vector<double> input_moments(const InputSample& sample) {
  const std::size_t inputs = sample.inputs;
  const FloatKernels& kernels = float_kernels();
  AlignedArray<float> turned(inputs * kChunkRows);
  AlignedArray<float> products(inputs * inputs);
  std::vector<double> moments(inputs * inputs);
  for (std::size_t first = 0; first < sample.row_count(); first += kChunkRows) {
    const std::size_t count = std::min(kChunkRows, sample.row_count() - first);
    const float* rows = sample.rows.data() + first * inputs;
    transpose(rows, count, inputs, turned.data());
    kernels.gemm(inputs, inputs, count, turned.data(), count, rows, inputs, products.data(), inputs);
    for (std::size_t i = 0; i < moments.size(); ++i) moments[i] += products.data()[i];
  }
  const double scale = sample.row_count() == 0 ? 0.0 : 1.0 / static_cast<double>(sample.row_count());
  for (double& moment : moments) moment *= scale;
  return moments;
}

InputSample unit_rows(InputSample sample) {
  for (std::size_t start = 0; start < sample.rows.size(); start += sample.inputs) {
    const std::span<float> row = std::span(sample.rows).subspan(start, sample.inputs);
    double squares = 0;
    for (const float value : row) squares += static_cast<double>(value) * value;
    const float inverse = squares > 0 ? static_cast<float>(1.0 / std::sqrt(squares)) : 0.0F;
    for (float& value : row) value *= inverse;
  }
  return sample;
}

InputSample transformed_sample(InputSample sample, const InputTransform& transform) {
  transform_inputs(transform, sample.row_count(), sample.inputs, sample.rows.data());
  return sample;
}

std::vector<float> balancing_factors(const InputSample& sample, const std::vector<float>& weights, double alpha) {
  const std::vector<float> activation_peaks = input_peaks(sample);
  std::vector<float> factors(sample.inputs);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    float& peak = factors[i % sample.inputs];
    peak = std::max(peak, std::abs(weights[i]));
  }
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const double activation = std::max(activation_peaks[i], kLeastPeak);
    const double weight = std::max(factors[i], kLeastPeak);
    factors[i] = static_cast<float>(std::pow(weight, 1.0 - alpha) / std::pow(activation, alpha));
  }
  return factors;
}

}  // namespace orthant
