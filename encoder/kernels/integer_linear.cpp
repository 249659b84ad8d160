#include "encoder/kernels/integer_linear.h"

#include <algorithm>

#include "encoder/kernels/float_dispatch.h"
#include "encoder/kernels/int8_dispatch.h"

namespace orthant {
namespace {

// Rows quantized and multiplied together: their codes and one panel stay in L2.
constexpr std::size_t kRowBlock = 128;

std::size_t round_up(std::size_t value, std::size_t step) {
  return (value + step - 1) / step * step;
}

// Where the arrays of a block of rows stand in the scratch memory; each starts on a cache line.
struct ScratchLayout {
  std::size_t steps;
  std::size_t group_sums;
  std::size_t transformed;
  std::size_t end;

  ScratchLayout(std::size_t rows, std::size_t depth, std::size_t groups)
      : steps(round_up(rows * depth, kCacheLineBytes)),
        group_sums(steps + round_up(rows * sizeof(float), kCacheLineBytes)),
        transformed(group_sums + round_up(rows * groups * sizeof(float), kCacheLineBytes)),
        end(transformed + depth * sizeof(float)) {}
};

}  // namespace

IntegerLinear::IntegerLinear(const LinearWeights& weights, std::span<const float> bias, Activation activation, CpuLevel level,
                             const Options& options)
    : Linear(weights, options.packed_bytes),
      kernels_(int8_kernels_for(level)),
      float_kernels_(float_kernels_for(level)),
      options_(options),
      activation_(activation),
      depth_(round_up(weights.inputs, kInt8DepthStep)),
      rotation_block_(weights.input.rotation_block),
      activation_step_(weights.activation_step),
      factors_(weights.input.factors),
      bias_(bias.begin(), bias.end()) {
  if (factors_.empty()) factors_.assign(weights.inputs, 1.0F);
  bias_.resize(round_up(weights.outputs, options.panel_columns));
  product_bias_ = activation == Activation::kNone ? bias_ : std::vector<float>(bias_.size());
}

void IntegerLinear::apply(std::size_t rows, const float* input, float* output, LinearScratch& scratch) const {
  const std::size_t groups = options_.group_size == 0 ? 0 : inputs() / options_.group_size;
  const ScratchLayout layout(std::min(rows, kRowBlock), depth_, groups);
  std::uint8_t* memory = scratch.reserve(layout.end);
  auto* const steps = reinterpret_cast<float*>(memory + layout.steps);
  auto* const group_sums = reinterpret_cast<float*>(memory + layout.group_sums);
  for (std::size_t first = 0; first < rows; first += kRowBlock) {
    const std::size_t count = std::min(kRowBlock, rows - first);
    StageClock clock(scratch.stages);
    kernels_.quantize_rows({.rows = count,
                            .inputs = inputs(),
                            .padded_inputs = depth_,
                            .input = input + first * inputs(),
                            .factors = factors_.data(),
                            .rotation_block = rotation_block_,
                            .static_step = activation_step_,
                            .limit = options_.limit,
                            .offset = options_.offset,
                            .scratch = reinterpret_cast<float*>(memory + layout.transformed),
                            .codes = memory,
                            .steps = steps});
    if (groups != 0) sum_groups(count, reinterpret_cast<const std::int8_t*>(memory), group_sums);
    clock.mark(EncodeStage::kInputQuantization);
    multiply_block({count, memory, steps, group_sums, output + first * outputs()});
  }
}

void IntegerLinear::sum_groups(std::size_t rows, const std::int8_t* codes, float* sums) const {
  for (std::size_t start = 0; start < rows * depth_; start += options_.group_size) {
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < options_.group_size; ++i) sum += codes[start + i];
    *sums++ = static_cast<float>(sum);
  }
}

void IntegerLinear::multiply_block(const Block& block) const {
  for (std::size_t start = 0; start < outputs(); start += options_.panel_columns) {
    const std::size_t width = std::min(options_.panel_columns, outputs() - start);
    multiply_panel(block, start, width);
    if (activation_ == Activation::kNone) continue;
    float_kernels_.bias_activation(block.rows, width, bias_.data() + start, activation_, block.output + start, outputs());
  }
}

}  // namespace orthant
