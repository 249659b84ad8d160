#include "encoder/quantize/convert_weights.h"

#include <cassert>
#include <utility>

#include "encoder/kernels/int4_kernels.h"
#include "encoder/quantize/half_floats.h"
#include "encoder/quantize/int4_rounding.h"
#include "encoder/quantize/int8_rounding.h"
#include "encoder/quantize/nf4_rounding.h"

namespace orthant {
namespace {

constexpr std::size_t kInt4Group = 64;

// Rounds `values`, which belong to transformed inputs where `precision` has a transform of its own.
LinearWeights rounded(LinearWeights shape, std::vector<float> values, WeightPrecision precision) {
  switch (precision) {
    case WeightPrecision::kFloat32: shape.data = FloatWeights{std::move(values)}; break;
    case WeightPrecision::kBfloat16:
    case WeightPrecision::kFloat16: shape.data = round_to_half(values, precision == WeightPrecision::kBfloat16); break;
    case WeightPrecision::kInt8: shape.data = round_to_int8(values, shape.inputs); break;
    case WeightPrecision::kInt4:
      shape.data = round_to_int4(values, int4_group_size(shape.inputs, kInt4Group), Int4Scheme::kAffine);
      break;
    case WeightPrecision::kNf4: shape.data = round_to_nf4(values); break;
    case WeightPrecision::kAuto:
    case WeightPrecision::kMixed: assert(false && "a layer has a precision of its own");
  }
  return shape;
}

}  // namespace

HalfWeights round_to_half(const std::vector<float>& values, bool brain) {
  HalfWeights weights{.brain = brain, .values = {}};
  weights.values.reserve(values.size());
  for (const float value : values) weights.values.push_back(brain ? bfloat16_from_float(value) : float16_from_float(value));
  return weights;
}

Int8Weights round_to_int8(const std::vector<float>& values, std::size_t inputs) {
  Int8Weights weights{.codes = std::vector<std::int8_t>(values.size()), .scales = {}};
  for (std::size_t start = 0; start < values.size(); start += inputs) {
    const std::span<const float> row = std::span(values).subspan(start, inputs);
    weights.scales.push_back(fit_int8_scale(row));
    round_to_int8(row, weights.scales.back(), std::span(weights.codes).subspan(start, inputs));
  }
  return weights;
}

Int4Weights round_to_int4(const std::vector<float>& values, std::size_t group_size, Int4Scheme scheme) {
  Int4Weights weights{
      .group_size = group_size, .codes = std::vector<std::uint8_t>(values.size() / 2), .scales = {}, .zero_points = {}};
  for (std::size_t start = 0; start < values.size(); start += group_size) {
    const std::span<const float> group = std::span(values).subspan(start, group_size);
    const Int4Grid grid = fit_int4_grid(group, scheme);
    weights.scales.push_back(grid.scale);
    weights.zero_points.push_back(grid.zero_point);
    for (std::size_t i = 0; i < group_size; i += 2) {
      const int high = int4_code(group[i + 1], grid) << 4;
      weights.codes[(start + i) / 2] = static_cast<std::uint8_t>(int4_code(group[i], grid) | high);
    }
  }
  return weights;
}

WeightPrecision storable_precision(WeightPrecision precision, std::size_t inputs) {
  const bool too_odd = (precision == WeightPrecision::kInt4 && inputs % kInt4GroupStep != 0) ||
                       (precision == WeightPrecision::kNf4 && inputs % 2 != 0);
  return too_odd ? WeightPrecision::kInt8 : precision;
}

std::size_t int4_group_size(std::size_t inputs, std::size_t wanted) {
  std::size_t size = wanted;
  while (inputs % size != 0) size /= 2;
  return size;
}

void transform_weights(const InputTransform& transform, std::size_t rows, std::size_t inputs, float* weights) {
  InputTransform inverse = transform;
  for (float& factor : inverse.factors) factor = 1.0F / factor;
  transform_inputs(inverse, rows, inputs, weights);
}

std::vector<float> untransformed_weights(const LinearWeights& weights) {
  std::vector<float> values = dequantize(weights);
  // H is its own inverse; then the factors, which weights were divided by.
  transform_inputs({.factors = {}, .rotation_block = weights.input.rotation_block}, weights.outputs, weights.inputs, values.data());
  transform_inputs({.factors = weights.input.factors, .rotation_block = 0}, weights.outputs, weights.inputs, values.data());
  return values;
}

LinearWeights convert_weights(LinearWeights weights, WeightPrecision precision) {
  precision = storable_precision(precision, weights.inputs);
  if (weights.precision() == precision) return weights;
  std::vector<float> values = untransformed_weights(weights);
  LinearWeights shape{.outputs = weights.outputs, .inputs = weights.inputs, .data = {}, .input = {}, .activation_step = 0};
  if (precision == WeightPrecision::kInt8 || precision == WeightPrecision::kInt4) {
    shape.input = random_rotation(weights.inputs);
    transform_weights(shape.input, weights.outputs, weights.inputs, values.data());
  }
  return rounded(std::move(shape), std::move(values), precision);
}

}  // namespace orthant
