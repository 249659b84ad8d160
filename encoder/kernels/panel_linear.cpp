#include "encoder/kernels/panel_linear.h"

#include <algorithm>
#include <cassert>

#include "encoder/kernels/float_dispatch.h"
#include "encoder/kernels/widen_kernels.h"

namespace orthant {
namespace {

// Rows multiplied by one panel before the next: input and panel stay in L2 together. A panel that has to be widened first serves
// more rows.
constexpr std::size_t kRowBlock = 128;
constexpr std::size_t kWidenedRowBlock = 512;
// Of any level.
constexpr std::size_t kMaxPanelColumns = 64;

const WidenKernels& widen_kernels_for(CpuLevel level) {
#if defined(__x86_64__)
  if (level == CpuLevel::kAvx512) return kWidenKernelsAvx512;
  if (level == CpuLevel::kAvx2 || level == CpuLevel::kAvxVnni) return kWidenKernelsAvx2;
#else
  static_cast<void>(level);
#endif
  return kWidenKernelsPortable;
}

class FloatLinear final : public PanelLinear {
 public:
  FloatLinear(const LinearWeights& weights, std::span<const float> bias, Activation activation, CpuLevel level, WeightArena& arena)
      : PanelLinear(weights, weights.outputs * weights.inputs * sizeof(float), bias, activation, level) {
    const float* values = std::get<FloatWeights>(weights.data).values.data();
    auto* to = reinterpret_cast<float*>(arena.take(memory_bytes()).data());
    packed_ = to;
    for_each_weight([&](std::size_t output, std::size_t input) { *to++ = values[output * inputs() + input]; });
  }

 private:
  const float* panel(std::size_t start, std::size_t /*width*/, float* /*widened*/) const override {
    return packed_ + start * inputs();
  }
  bool widens() const override { return false; }

  const float* packed_ = nullptr;
};

class HalfLinear final : public PanelLinear {
 public:
  HalfLinear(const LinearWeights& weights, std::span<const float> bias, Activation activation, CpuLevel level, WeightArena& arena)
      : PanelLinear(weights, weights.outputs * weights.inputs * sizeof(std::uint16_t), bias, activation, level) {
    const HalfWeights& data = std::get<HalfWeights>(weights.data);
    widen_ = data.brain ? widen_kernels_for(level).bfloat16 : widen_kernels_for(level).float16;
    auto* to = reinterpret_cast<std::uint16_t*>(arena.take(memory_bytes()).data());
    packed_ = to;
    for_each_weight([&](std::size_t output, std::size_t input) { *to++ = data.values[output * inputs() + input]; });
  }

 private:
  const float* panel(std::size_t start, std::size_t width, float* widened) const override {
    widen_(width * inputs(), packed_ + start * inputs(), widened);
    return widened;
  }
  bool widens() const override { return true; }

  void (*widen_)(std::size_t, const std::uint16_t*, float*);
  const std::uint16_t* packed_ = nullptr;
};

// Blocks of 64 inputs of one output have a scale; those of a panel are made when the panel is widened.
class Nf4Linear final : public PanelLinear {
 public:
  Nf4Linear(const LinearWeights& weights, std::span<const float> bias, Activation activation, CpuLevel level, WeightArena& arena)
      : PanelLinear(weights, code_bytes(weights, level) + absmax_bytes(std::get<Nf4Weights>(weights.data)), bias, activation,
                    level),
        widen_(widen_kernels_for(level).nf4) {
    assert(panel_columns() <= kMaxPanelColumns);
    const Nf4Weights& data = std::get<Nf4Weights>(weights.data);
    std::uint8_t* memory = arena.take(code_bytes(weights, level)).data();
    codes_ = memory;
    for_each_weight([&](std::size_t output, std::size_t input) {
      const std::size_t column = output % panel_columns();
      const std::size_t position = output * inputs() + input;
      const int code = position % 2 == 0 ? data.codes[position / 2] & 15 : data.codes[position / 2] >> 4;
      std::uint8_t& byte = memory[panel_bytes() * (output / panel_columns()) + input * row_bytes(output) + column / 2];
      byte = static_cast<std::uint8_t>(byte | (column % 2 == 0 ? code : code << 4));
    });
    absmax_ = {{}, data.absmax_codes, data.absmax_scales, data.absmax_mean};
  }

 private:
  static std::size_t code_bytes(const LinearWeights& weights, CpuLevel level) {
    const std::size_t columns = float_kernels_for(level).panel_columns;
    const std::size_t whole = weights.outputs / columns * ((columns + 1) / 2);
    return (whole + (weights.outputs % columns + 1) / 2) * weights.inputs;
  }
  static std::size_t absmax_bytes(const Nf4Weights& weights) {
    return weights.absmax_codes.size() + weights.absmax_scales.size() * sizeof(float) + sizeof weights.absmax_mean;
  }
  std::size_t panel_bytes() const { return (panel_columns() + 1) / 2 * inputs(); }
  // Of the panel that the output is in.
  std::size_t row_bytes(std::size_t output) const {
    const std::size_t start = output / panel_columns() * panel_columns();
    return (std::min(panel_columns(), outputs() - start) + 1) / 2;
  }

  const float* panel(std::size_t start, std::size_t width, float* widened) const override;
  bool widens() const override { return true; }

  void (*widen_)(const Nf4Rows&);
  const std::uint8_t* codes_ = nullptr;
  Nf4Weights absmax_;  // without codes
};

const float* Nf4Linear::panel(std::size_t start, std::size_t width, float* widened) const {
  const std::size_t blocks = inputs() / Nf4Weights::kBlock;
  const std::uint8_t* codes = codes_ + panel_bytes() * (start / panel_columns());
  float scales[kMaxPanelColumns];
  for (std::size_t block = 0; block < blocks; ++block) {
    for (std::size_t column = 0; column < width; ++column) scales[column] = nf4_absmax(absmax_, (start + column) * blocks + block);
    widen_({.rows = Nf4Weights::kBlock,
            .width = width,
            .codes = codes + block * Nf4Weights::kBlock * row_bytes(start),
            .values = nf4_values().data(),
            .scales = scales,
            .to = widened + block * Nf4Weights::kBlock * width});
  }
  return widened;
}

}  // namespace

PanelLinear::PanelLinear(const LinearWeights& weights, std::size_t packed_bytes, std::span<const float> bias, Activation activation,
                         CpuLevel level)
    : Linear(weights, packed_bytes), kernels_(float_kernels_for(level)), activation_(activation), bias_(weights.outputs) {
  std::copy(bias.begin(), bias.end(), bias_.begin());
}

void PanelLinear::apply(std::size_t rows, const float* input, float* output, LinearScratch& scratch) const {
  const std::size_t block = widens() ? kWidenedRowBlock : kRowBlock;
  float* widened = nullptr;
  if (widens()) widened = reinterpret_cast<float*>(scratch.reserve(panel_columns() * inputs() * sizeof(float)));
  for (std::size_t first = 0; first < rows; first += block) {
    const std::size_t count = std::min(block, rows - first);
    for (std::size_t start = 0; start < outputs(); start += panel_columns()) {
      multiply({count, input + first * inputs(), output + first * outputs() + start, start}, widened);
    }
  }
}

void PanelLinear::multiply(const Block& block, float* widened) const {
  const std::size_t width = std::min(panel_columns(), outputs() - block.start);
  const float* weights = panel(block.start, width, widened);
  const float* bias = bias_.data() + block.start;
  if (width < panel_columns()) {
    kernels_.gemm(block.rows, width, inputs(), block.input, inputs(), weights, width, block.output, outputs());
    kernels_.bias_activation(block.rows, width, bias, activation_, block.output, outputs());
    return;
  }
  kernels_.multiply_panel({.rows = block.rows,
                           .depth = inputs(),
                           .a = block.input,
                           .a_stride = inputs(),
                           .b = weights,
                           .next = weights + width * inputs(),
                           .bias = bias,
                           .activation = activation_,
                           .c = block.output,
                           .c_stride = outputs()});
}

std::unique_ptr<const Linear> make_float_linear(const LinearWeights& weights, std::span<const float> bias, Activation activation,
                                                CpuLevel level, WeightArena& arena) {
  return std::make_unique<FloatLinear>(weights, bias, activation, level, arena);
}

std::unique_ptr<const Linear> make_half_linear(const LinearWeights& weights, std::span<const float> bias, Activation activation,
                                               CpuLevel level, WeightArena& arena) {
  return std::make_unique<HalfLinear>(weights, bias, activation, level, arena);
}

std::unique_ptr<const Linear> make_nf4_linear(const LinearWeights& weights, std::span<const float> bias, Activation activation,
                                              CpuLevel level, WeightArena& arena) {
  return std::make_unique<Nf4Linear>(weights, bias, activation, level, arena);
}

}  // namespace orthant
