#include "encoder/quantize/weight_error.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

#include "base/aligned_array.h"
#include "encoder/kernels/float_dispatch.h"
#include "encoder/quantize/convert_weights.h"

namespace orthant {
namespace {

// Outputs whose products with the sample are held at a time.
constexpr std::size_t kOutputBlock = 64;

struct Bounds {
  float lowest = -std::numeric_limits<float>::infinity();
  float highest = std::numeric_limits<float>::infinity();
};

// The grid's ends at a position of the flattened matrix.
struct BoundsAt {
  std::size_t inputs;
  std::size_t position;

  Bounds operator()(const FloatWeights& /*weights*/) const { return {}; }
  Bounds operator()(const HalfWeights& /*weights*/) const { return {}; }
  Bounds operator()(const Int8Weights& weights) const {
    const float end = 127.0F * weights.scales[position / inputs];
    return {-end, end};
  }
  Bounds operator()(const Int4Weights& weights) const {
    const std::size_t group = position / weights.group_size;
    const auto zero_point = static_cast<float>(weights.zero_points[group]);
    return {-zero_point * weights.scales[group], (15.0F - zero_point) * weights.scales[group]};
  }
  Bounds operator()(const Nf4Weights& weights) const {
    const std::size_t block = position / Nf4Weights::kBlock;
    const float scale = weights.absmax_scales[block / Nf4Weights::kAbsmaxGroup] / 127.0F;
    const float end = static_cast<float>(weights.absmax_codes[block]) * scale + weights.absmax_mean;
    return {-end, end};
  }
};

double squared(double value) {
  return value * value;
}

double squared_length(const std::vector<float>& values) {
  double sum = 0;
  for (const float value : values) sum += squared(value);
  return sum;
}

// Inputs x rows.
AlignedArray<float> turned_rows(const InputSample& sample) {
  const std::size_t rows = sample.row_count();
  AlignedArray<float> turned(sample.rows.size());
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < sample.inputs; ++i) turned.data()[i * rows + row] = sample.rows[row * sample.inputs + i];
  }
  return turned;
}

// |W X^T|^2 of weights W (outputs x inputs), a few outputs at a time; `turned` is X^T.
double squared_outputs(const std::vector<float>& weights, std::size_t inputs, const AlignedArray<float>& turned) {
  const std::size_t rows = turned.size() / inputs;
  const std::size_t outputs = weights.size() / inputs;
  const FloatKernels& kernels = float_kernels();
  std::vector<float> products(kOutputBlock * rows);
  double sum = 0;
  for (std::size_t first = 0; first < outputs; first += kOutputBlock) {
    const std::size_t count = std::min(kOutputBlock, outputs - first);
    products.resize(count * rows);
    kernels.gemm(count, rows, inputs, weights.data() + first * inputs, inputs, turned.data(), rows, products.data(), rows);
    sum += squared_length(products);
  }
  return sum;
}

double ratio(double part, double whole) {
  return whole > 0 ? part / whole : 0.0;
}

}  // namespace

WeightError weight_error(const LinearWeights& original, const LinearWeights& quantized, const InputSample* sample) {
  assert(original.inputs == quantized.inputs && original.outputs == quantized.outputs);
  WeightError error;
  const std::vector<float> before = untransformed_weights(original);
  std::vector<float> target = before;
  transform_weights(quantized.input, quantized.outputs, quantized.inputs, target.data());
  const std::vector<float> stored = dequantize(quantized);
  for (std::size_t i = 0; i < target.size(); ++i) {
    const auto [lowest, highest] = std::visit(BoundsAt{quantized.inputs, i}, quantized.data);
    const float clamped = std::clamp(target[i], lowest, highest);
    error.rounding += squared(static_cast<double>(clamped) - stored[i]);
    error.clipping += squared(static_cast<double>(target[i]) - clamped);
    error.clipped_share += clamped != target[i] ? 1.0 : 0.0;
  }
  const auto count = static_cast<double>(std::max<std::size_t>(target.size(), 1));
  error.rounding /= count;
  error.clipping /= count;
  error.clipped_share /= count;
  std::vector<float> differences = untransformed_weights(quantized);
  for (std::size_t i = 0; i < differences.size(); ++i) differences[i] -= before[i];
  error.relative = ratio(squared_length(differences), squared_length(before));
  if (sample != nullptr && sample->row_count() != 0) {
    const AlignedArray<float> turned = turned_rows(*sample);
    error.relative_output =
        ratio(squared_outputs(differences, original.inputs, turned), squared_outputs(before, original.inputs, turned));
  }
  return error;
}

}  // namespace orthant
