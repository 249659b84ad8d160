#include "encoder/kernels/linear.h"

#include <algorithm>
#include <cstring>

#include "encoder/kernels/float_dispatch.h"

namespace orthant {
namespace {

// Rows multiplied by one panel before the next: input and panel stay in L2 together.
constexpr std::size_t kRowBlock = 128;

std::size_t line_rounded(std::size_t bytes) {
  return (bytes + kCacheLineBytes - 1) / kCacheLineBytes * kCacheLineBytes;
}

// Panels of the kernel's width, one after the other (the last one narrower): each inputs x width, row-major, so that a panel is
// read front to back and the few rows of a short query run at the speed of memory.
class FloatLinear final : public Linear {
 public:
  FloatLinear(const LinearWeights& weights, std::span<const float> bias, Activation activation, CpuLevel level, WeightArena& arena)
      : Linear(weights, weights.outputs * weights.inputs * sizeof(float)),
        kernels_(float_kernels_for(level)),
        activation_(activation),
        bias_(weights.outputs) {
    std::copy(bias.begin(), bias.end(), bias_.begin());
    const std::span<std::uint8_t> memory = arena.take(memory_bytes());
    packed_ = reinterpret_cast<const float*>(memory.data());
    pack(std::get<FloatWeights>(weights.data).values.data(), reinterpret_cast<float*>(memory.data()));
  }

  void apply(std::size_t rows, const float* input, float* output, LinearScratch& scratch) const override;

 private:
  void pack(const float* weight, float* packed) const;

  const FloatKernels& kernels_;
  const Activation activation_;
  std::vector<float> bias_;
  const float* packed_ = nullptr;
};

void FloatLinear::pack(const float* weight, float* packed) const {
  for (std::size_t start = 0; start < outputs(); start += kernels_.panel_columns) {
    const std::size_t width = std::min(kernels_.panel_columns, outputs() - start);
    for (std::size_t i = 0; i < inputs(); ++i) {
      for (std::size_t column = 0; column < width; ++column) *packed++ = weight[(start + column) * inputs() + i];
    }
  }
}

void FloatLinear::apply(std::size_t rows, const float* input, float* output, LinearScratch& /*scratch*/) const {
  for (std::size_t first = 0; first < rows; first += kRowBlock) {
    const std::size_t count = std::min(kRowBlock, rows - first);
    for (std::size_t start = 0; start < outputs(); start += kernels_.panel_columns) {
      const std::size_t width = std::min(kernels_.panel_columns, outputs() - start);
      float* block = output + first * outputs() + start;
      kernels_.gemm(count, width, inputs(), input + first * inputs(), inputs(), packed_ + start * inputs(), width, block,
                    outputs());
      kernels_.bias_activation(count, width, bias_.data() + start, activation_, block, outputs());
    }
  }
}

}  // namespace

std::span<std::uint8_t> WeightArena::take(std::size_t bytes) {
  const std::size_t needed = line_rounded(bytes);
  if (pieces_.empty() || pieces_.back().size() - used_ < needed) {
    pieces_.emplace_back(std::max(needed, kPieceBytes));
    used_ = 0;
  }
  const std::span<std::uint8_t> taken = pieces_.back().span().subspan(used_, bytes);
  used_ += needed;
  taken_ += needed;
  return taken;
}

std::unique_ptr<const Linear> Linear::make(const LinearWeights& weights, std::span<const float> bias, Activation activation,
                                           CpuLevel level, WeightArena& arena) {
  if (std::holds_alternative<FloatWeights>(weights.data)) {
    return std::make_unique<FloatLinear>(weights, bias, activation, level, arena);
  }
  LinearWeights widened = weights;
  widened.data = FloatWeights{dequantize(weights)};
  return std::make_unique<FloatLinear>(widened, bias, activation, level, arena);
}

}  // namespace orthant
