#include "encoder/kernels/bfloat16_linear.h"

#include <algorithm>
#include <cstring>

#include "encoder/kernels/bfloat16_kernels.h"
#include "encoder/kernels/float_dispatch.h"

namespace orthant {

bool multiplies_bfloat16(CpuLevel level) {
  return level == CpuLevel::kAvx512 && cpu_multiplies_bfloat16();
}

#if defined(__x86_64__)
namespace {

constexpr const Bfloat16Kernels& kKernels = kBfloat16KernelsAvx512;
// Rows rounded and multiplied together: their values and one panel stay in L2.
constexpr std::size_t kRowBlock = 128;

std::size_t round_up(std::size_t value, std::size_t step) {
  return (value + step - 1) / step * step;
}

std::size_t packed_values(const LinearWeights& weights) {
  return round_up(weights.outputs, kKernels.panel_columns) * round_up(weights.inputs, 2);
}

class Bfloat16Linear final : public Linear {
 public:
  Bfloat16Linear(const LinearWeights& weights, std::span<const float> bias, Activation activation, CpuLevel level,
                 WeightArena& arena)
      : Linear(weights, packed_values(weights) * sizeof(std::uint16_t)),
        float_kernels_(float_kernels_for(level)),
        activation_(activation),
        depth_(round_up(weights.inputs, 2)),
        bias_(bias.begin(), bias.end()) {
    bias_.resize(round_up(weights.outputs, kKernels.panel_columns));
    product_bias_ = activation == Activation::kNone ? bias_ : std::vector<float>(bias_.size());
    auto* packed = reinterpret_cast<std::uint16_t*>(arena.take(memory_bytes()).data());
    packed_ = packed;
    pack(std::get<HalfWeights>(weights.data), packed);
  }

  void apply(std::size_t rows, const float* input, float* output, LinearScratch& scratch) const override;

 private:
  void pack(const HalfWeights& weights, std::uint16_t* packed) const;
  void multiply_block(std::size_t rows, const std::uint16_t* values, float* output) const;

  const FloatKernels& float_kernels_;
  const Activation activation_;
  const std::size_t depth_;
  std::vector<float> bias_;          // columns padded to whole panels
  std::vector<float> product_bias_;  // zeros where an activation follows, which adds the bias itself
  const std::uint16_t* packed_ = nullptr;
};

void Bfloat16Linear::pack(const HalfWeights& weights, std::uint16_t* packed) const {
  const std::size_t width = kKernels.panel_columns;
  for (std::size_t output = 0; output < outputs(); ++output) {
    std::uint16_t* column = packed + output / width * width * depth_ + output % width * 2;
    for (std::size_t i = 0; i < inputs(); ++i) column[i / 2 * 2 * width + i % 2] = weights.values[output * inputs() + i];
  }
}

void Bfloat16Linear::apply(std::size_t rows, const float* input, float* output, LinearScratch& scratch) const {
  const std::size_t bytes = std::min(rows, kRowBlock) * depth_ * sizeof(std::uint16_t);
  auto* values = reinterpret_cast<std::uint16_t*>(scratch.reserve(bytes));
  if (depth_ != inputs()) std::memset(values, 0, bytes);  // the padding of each row
  for (std::size_t first = 0; first < rows; first += kRowBlock) {
    const std::size_t count = std::min(kRowBlock, rows - first);
    for (std::size_t row = 0; row < count; ++row) {
      kKernels.round_row(inputs(), input + (first + row) * inputs(), values + row * depth_);
    }
    multiply_block(count, values, output + first * outputs());
  }
}

void Bfloat16Linear::multiply_block(std::size_t rows, const std::uint16_t* values, float* output) const {
  for (std::size_t start = 0; start < outputs(); start += kKernels.panel_columns) {
    const std::size_t width = std::min(kKernels.panel_columns, outputs() - start);
    kKernels.multiply({.rows = rows,
                       .depth = depth_,
                       .columns = width,
                       .a = values,
                       .b = packed_ + start * depth_,
                       .bias = product_bias_.data() + start,
                       .c = output + start,
                       .c_stride = outputs()});
    if (activation_ == Activation::kNone) continue;
    float_kernels_.bias_activation(rows, width, bias_.data() + start, activation_, output + start, outputs());
  }
}

}  // namespace

std::unique_ptr<const Linear> make_bfloat16_linear(const LinearWeights& weights, std::span<const float> bias, Activation activation,
                                                   CpuLevel level, WeightArena& arena) {
  return std::make_unique<Bfloat16Linear>(weights, bias, activation, level, arena);
}
#endif

}  // namespace orthant
