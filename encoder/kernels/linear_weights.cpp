#include "encoder/kernels/linear_weights.h"

#include <array>
#include <cassert>
#include <cmath>

#include "base/half.h"

namespace orthant {
namespace {

constexpr std::size_t kMaxRotationBlock = 128;

// Quantiles of the normal distribution, equally likely and scaled to [-1, 1]; 0 is exact (QLoRA, appendix E).
constexpr std::array<float, 16> kNf4Values = {-1.0F,
                                              -0.6961928009986877F,
                                              -0.5250730514526367F,
                                              -0.39491748809814453F,
                                              -0.28444138169288635F,
                                              -0.18477343022823334F,
                                              -0.09105003625154495F,
                                              0.0F,
                                              0.07958029955625534F,
                                              0.16093020141124725F,
                                              0.24611230194568634F,
                                              0.33791524171829224F,
                                              0.44070982933044434F,
                                              0.5626170039176941F,
                                              0.7229568362236023F,
                                              1.0F};

std::uint64_t splitmix64(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9E3779B97F4A7C15U);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

std::uint8_t nibble(std::span<const std::uint8_t> codes, std::size_t position) {
  const std::uint8_t pair = codes[position / 2];
  return static_cast<std::uint8_t>(position % 2 == 0 ? pair & 15 : pair >> 4);
}

template <typename T>
std::size_t bytes_of(const std::vector<T>& values) {
  return values.size() * sizeof(T);
}

struct StoredBytes {
  std::size_t operator()(const FloatWeights& weights) const { return bytes_of(weights.values); }
  std::size_t operator()(const HalfWeights& weights) const { return bytes_of(weights.values); }
  std::size_t operator()(const Int8Weights& weights) const { return bytes_of(weights.codes) + bytes_of(weights.scales); }
  std::size_t operator()(const Int4Weights& weights) const {
    return bytes_of(weights.codes) + bytes_of(weights.scales) + bytes_of(weights.zero_points);
  }
  std::size_t operator()(const Nf4Weights& weights) const {
    return bytes_of(weights.codes) + bytes_of(weights.absmax_codes) + bytes_of(weights.absmax_scales) + sizeof weights.absmax_mean;
  }
};

struct Dequantize {
  std::size_t inputs;

  std::vector<float> operator()(const FloatWeights& weights) const { return weights.values; }
  std::vector<float> operator()(const HalfWeights& weights) const {
    std::vector<float> values;
    values.reserve(weights.values.size());
    for (const std::uint16_t half : weights.values) {
      values.push_back(weights.brain ? float_from_bfloat16(half) : float_from_float16(half));
    }
    return values;
  }
  std::vector<float> operator()(const Int8Weights& weights) const {
    std::vector<float> values(weights.codes.size());
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(weights.codes[i]) * weights.scales[i / inputs];
    return values;
  }
  std::vector<float> operator()(const Int4Weights& weights) const {
    std::vector<float> values(weights.codes.size() * 2);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t group = i / weights.group_size;
      const int code = nibble(weights.codes, i) - weights.zero_points[group];
      values[i] = static_cast<float>(code) * weights.scales[group];
    }
    return values;
  }
  std::vector<float> operator()(const Nf4Weights& weights) const {
    std::vector<float> values(weights.codes.size() * 2);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t block = i / Nf4Weights::kBlock;
      values[i] = kNf4Values[nibble(weights.codes, i)] * nf4_absmax(weights, block);
    }
    return values;
  }
};

// In place, orthonormal; `count` is a power of two.
void hadamard(float* values, std::size_t count) {
  for (std::size_t stride = 1; stride < count; stride *= 2) {
    for (std::size_t start = 0; start < count; start += 2 * stride) {
      for (std::size_t i = start; i < start + stride; ++i) {
        const float sum = values[i] + values[i + stride];
        values[i + stride] = values[i] - values[i + stride];
        values[i] = sum;
      }
    }
  }
  const float norm = 1.0F / std::sqrt(static_cast<float>(count));
  for (std::size_t i = 0; i < count; ++i) values[i] *= norm;
}

template <typename T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

WeightPrecision LinearWeights::precision() const {
  if (std::holds_alternative<FloatWeights>(data)) return WeightPrecision::kFloat32;
  if (const auto* half = std::get_if<HalfWeights>(&data)) {
    return half->brain ? WeightPrecision::kBfloat16 : WeightPrecision::kFloat16;
  }
  if (std::holds_alternative<Int8Weights>(data)) return WeightPrecision::kInt8;
  return std::holds_alternative<Int4Weights>(data) ? WeightPrecision::kInt4 : WeightPrecision::kNf4;
}

std::size_t LinearWeights::stored_bytes() const {
  return std::visit(StoredBytes{}, data) + bytes_of(input.factors);
}

std::span<const float, 16> nf4_values() {
  return kNf4Values;
}

float nf4_absmax(const Nf4Weights& weights, std::size_t block) {
  const float scale = weights.absmax_scales[block / Nf4Weights::kAbsmaxGroup] / 127.0F;
  return static_cast<float>(weights.absmax_codes[block]) * scale + weights.absmax_mean;
}

std::vector<float> dequantize(const LinearWeights& weights) {
  return std::visit(Dequantize{weights.inputs}, weights.data);
}

void transform_inputs(const InputTransform& transform, std::size_t rows, std::size_t inputs, float* values) {
  for (std::size_t row = 0; row < rows; ++row, values += inputs) {
    for (std::size_t i = 0; i < transform.factors.size(); ++i) values[i] *= transform.factors[i];
    const std::size_t block = transform.rotation_block;
    for (std::size_t start = 0; block != 0 && start < inputs; start += block) hadamard(values + start, block);
  }
}

InputTransform random_rotation(std::size_t inputs) {
  InputTransform transform;
  const std::size_t power_of_two = inputs & (~inputs + 1);
  transform.rotation_block = power_of_two < kMaxRotationBlock ? power_of_two : kMaxRotationBlock;
  std::uint64_t state = inputs;
  for (std::size_t i = 0; i < inputs; ++i) transform.factors.push_back((splitmix64(state) & 1) != 0 ? 1.0F : -1.0F);
  return transform;
}

LinearWeights stack_outputs(LinearWeights upper, const LinearWeights& lower) {
  assert(upper.precision() == lower.precision() && upper.inputs == lower.inputs);
  if (auto* floats = std::get_if<FloatWeights>(&upper.data)) {
    append(floats->values, std::get<FloatWeights>(lower.data).values);
  } else {
    append(std::get<HalfWeights>(upper.data).values, std::get<HalfWeights>(lower.data).values);
  }
  upper.outputs += lower.outputs;
  return upper;
}

}  // namespace orthant
