#include "encoder/kernels/adapted_linear.h"

#include <algorithm>
#include <cassert>

#include "encoder/kernels/float_dispatch.h"

namespace orthant {
namespace {

// Rows whose update is made at once: it stays in L2 until it is added.
constexpr std::size_t kRowBlock = 32;

void add(const float* values, std::size_t count, float* to) {
  for (std::size_t i = 0; i < count; ++i) to[i] += values[i];
}

// `rows` x `columns` as columns x rows: what gemm multiplies by.
std::vector<float> transposed(const std::vector<float>& values, std::size_t rows, std::size_t columns) {
  std::vector<float> out(values.size());
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t column = 0; column < columns; ++column) out[column * rows + row] = values[row * columns + column];
  }
  return out;
}

std::size_t update_bytes(const LowRankUpdate& update) {
  return (update.down.size() + update.up.size()) * sizeof(float);
}

class AdaptedLinear final : public Linear {
 public:
  AdaptedLinear(const LinearWeights& weights, std::unique_ptr<const Linear> base, const LowRankUpdate& update,
                std::span<const float> bias, Activation activation, CpuLevel level)
      : Linear(weights, base->memory_bytes() + update_bytes(update)),
        base_(std::move(base)),
        kernels_(float_kernels_for(level)),
        activation_(activation),
        rank_(update.rank),
        down_(transposed(update.down, update.rank, weights.inputs)),
        up_(transposed(update.up, weights.outputs, update.rank)),
        bias_(weights.outputs) {
    assert(update.down.size() == rank_ * weights.inputs && update.up.size() == rank_ * weights.outputs);
    std::ranges::copy(bias, bias_.begin());
  }

  void apply(std::size_t rows, const float* input, float* output, LinearScratch& scratch) const override {
    base_->apply(rows, input, output, scratch);
    auto* low = reinterpret_cast<float*>(scratch.reserve(kRowBlock * (rank_ + outputs()) * sizeof(float)));
    float* update = low + kRowBlock * rank_;
    for (std::size_t first = 0; first < rows; first += kRowBlock) {
      const std::size_t count = std::min(kRowBlock, rows - first);
      float* block = output + first * outputs();
      kernels_.gemm(count, rank_, inputs(), input + first * inputs(), inputs(), down_.data(), rank_, low, rank_);
      kernels_.gemm(count, outputs(), rank_, low, rank_, up_.data(), outputs(), update, outputs());
      add(update, count * outputs(), block);
      kernels_.bias_activation(count, outputs(), bias_.data(), activation_, block, outputs());
    }
  }

 private:
  const std::unique_ptr<const Linear> base_;  // without bias and activation: both come after the update
  const FloatKernels& kernels_;
  const Activation activation_;
  const std::size_t rank_;
  const std::vector<float> down_;  // inputs x rank
  const std::vector<float> up_;    // rank x outputs
  std::vector<float> bias_;
};

}  // namespace

std::unique_ptr<const Linear> make_adapted_linear(const LinearWeights& weights, const LowRankUpdate& update,
                                                  std::span<const float> bias, Activation activation, CpuLevel level,
                                                  WeightArena& arena) {
  return std::make_unique<AdaptedLinear>(weights, Linear::make(weights, {}, Activation::kNone, level, arena), update, bias,
                                         activation, level);
}

}  // namespace orthant
