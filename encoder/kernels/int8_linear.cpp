#include "encoder/kernels/int8_dispatch.h"
#include "encoder/kernels/int8_range.h"
#include "encoder/kernels/integer_linear.h"

namespace orthant {
namespace {

std::size_t padded_columns(const LinearWeights& weights, const Int8Kernels& kernels) {
  return (weights.outputs + kernels.panel_columns - 1) / kernels.panel_columns * kernels.panel_columns;
}

IntegerLinear::Options options_for(const LinearWeights& weights, const Int8Kernels& kernels) {
  const std::size_t depth = (weights.inputs + kInt8DepthStep - 1) / kInt8DepthStep * kInt8DepthStep;
  return {kernels.panel_columns, padded_columns(weights, kernels) * depth, 0, kActivationLimit, kActivationOffset};
}

class Int8Linear final : public IntegerLinear {
 public:
  Int8Linear(const LinearWeights& weights, std::span<const float> bias, Activation activation, CpuLevel level, WeightArena& arena)
      : IntegerLinear(weights, bias, activation, level, options_for(weights, int8_kernels_for(level))) {
    const Int8Weights& data = std::get<Int8Weights>(weights.data);
    const Int8Kernels& kernels = int8_kernels_for(level);
    multiply_ = within_pair_sums(data, weights.inputs) ? kernels.multiply : kernels.multiply_wide;
    start_.resize(padded_columns(weights, kernels));
    scales_ = data.scales;
    scales_.resize(start_.size());
    const std::span<std::uint8_t> memory = arena.take(memory_bytes());
    packed_ = reinterpret_cast<const std::int8_t*>(memory.data());
    pack(data, reinterpret_cast<std::int8_t*>(memory.data()));
  }

 private:
  void pack(const Int8Weights& weights, std::int8_t* packed);
  void multiply_panel(const Block& block, std::size_t start, std::size_t width) const override;

  void (*multiply_)(const Int8Product&);
  std::vector<std::int32_t> start_;  // columns padded to whole panels, as scales_
  std::vector<float> scales_;
  const std::int8_t* packed_ = nullptr;
};

void Int8Linear::pack(const Int8Weights& weights, std::int8_t* packed) {
  const std::size_t width = panel_columns();
  for (std::size_t output = 0; output < outputs(); ++output) {
    const std::int8_t* row = weights.codes.data() + output * inputs();
    std::int8_t* column = packed + output / width * width * depth() + output % width * 4;
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < inputs(); ++i) {
      column[i / 4 * 4 * width + i % 4] = row[i];
      sum += row[i];
    }
    start_[output] = -kActivationOffset * sum;
  }
}

void Int8Linear::multiply_panel(const Block& block, std::size_t start, std::size_t width) const {
  multiply_({.rows = block.rows,
             .depth = depth(),
             .columns = width,
             .a = block.codes,
             .steps = block.steps,
             .b = packed_ + start * depth(),
             .next = packed_ + (start + panel_columns()) * depth(),
             .start = start_.data() + start,
             .scales = scales_.data() + start,
             .bias = product_bias(start),
             .c = block.output + start,
             .c_stride = outputs()});
}

}  // namespace

std::unique_ptr<const Linear> make_int8_linear(const LinearWeights& weights, std::span<const float> bias, Activation activation,
                                               CpuLevel level, WeightArena& arena) {
  return std::make_unique<Int8Linear>(weights, bias, activation, level, arena);
}

}  // namespace orthant
