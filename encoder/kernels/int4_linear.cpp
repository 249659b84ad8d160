#include "encoder/kernels/int8_dispatch.h"
#include "encoder/kernels/integer_linear.h"

namespace orthant {
namespace {

// Activations keep all 8 bits: no pair sum can overflow.
constexpr int kLimit = 127;

std::size_t padded_columns(const LinearWeights& weights, CpuLevel level) {
  const std::size_t width = int4_kernels_for(level).panel_columns;
  return (weights.outputs + width - 1) / width * width;
}

// Nibbles, then a scale and a zero point for each group of a column.
struct PackedLayout {
  std::size_t scales;
  std::size_t zero_points;
  std::size_t end;

  PackedLayout(std::size_t columns, std::size_t depth, std::size_t groups)
      : scales(columns * depth / 2), zero_points(scales + columns * groups * sizeof(float)), end(zero_points + columns * groups) {}
};

PackedLayout layout_for(const LinearWeights& weights, CpuLevel level) {
  return {padded_columns(weights, level), weights.inputs, weights.inputs / std::get<Int4Weights>(weights.data).group_size};
}

IntegerLinear::Options options_for(const LinearWeights& weights, CpuLevel level) {
  return {int4_kernels_for(level).panel_columns, layout_for(weights, level).end, std::get<Int4Weights>(weights.data).group_size,
          kLimit, 0};
}

class Int4Linear final : public IntegerLinear {
 public:
  Int4Linear(const LinearWeights& weights, std::span<const float> bias, Activation activation, CpuLevel level, WeightArena& arena)
      : IntegerLinear(weights, bias, activation, level, options_for(weights, level)),
        multiply_(int4_kernels_for(level).multiply),
        group_size_(std::get<Int4Weights>(weights.data).group_size),
        groups_(weights.inputs / group_size_) {
    const PackedLayout layout = layout_for(weights, level);
    std::uint8_t* memory = arena.take(memory_bytes()).data();
    packed_ = memory;
    scales_ = reinterpret_cast<const float*>(memory + layout.scales);
    zero_points_ = memory + layout.zero_points;
    pack(std::get<Int4Weights>(weights.data), memory, reinterpret_cast<float*>(memory + layout.scales),
         memory + layout.zero_points);
  }

 private:
  void pack(const Int4Weights& weights, std::uint8_t* packed, float* scales, std::uint8_t* zero_points) const;
  void multiply_panel(const Block& block, std::size_t start, std::size_t width) const override;

  void (*multiply_)(const Int4Product&);
  const std::size_t group_size_;
  const std::size_t groups_;
  const std::uint8_t* packed_ = nullptr;
  const float* scales_ = nullptr;
  const std::uint8_t* zero_points_ = nullptr;
};

void Int4Linear::pack(const Int4Weights& weights, std::uint8_t* packed, float* scales, std::uint8_t* zero_points) const {
  const std::size_t width = panel_columns();
  for (std::size_t output = 0; output < outputs(); ++output) {
    const std::uint8_t* row = weights.codes.data() + output * inputs() / 2;
    const std::size_t panel = output / width * width;
    std::uint8_t* column = packed + panel * inputs() / 2 + output % width * 4;
    for (std::size_t i = 0; i < inputs(); ++i) {
      const int code = i % 2 == 0 ? row[i / 2] & 15 : row[i / 2] >> 4;
      std::uint8_t& byte = column[i / 8 * width * 4 + i % 4];
      byte = static_cast<std::uint8_t>(byte | (i % 8 < 4 ? code : code << 4));
    }
    for (std::size_t group = 0; group < groups_; ++group) {
      const std::size_t to = panel * groups_ + group * width + output % width;
      scales[to] = weights.scales[output * groups_ + group];
      zero_points[to] = weights.zero_points[output * groups_ + group];
    }
  }
}

void Int4Linear::multiply_panel(const Block& block, std::size_t start, std::size_t width) const {
  multiply_({.rows = block.rows,
             .depth = depth(),
             .group_size = group_size_,
             .columns = width,
             .a = reinterpret_cast<const std::int8_t*>(block.codes),
             .group_sums = block.group_sums,
             .steps = block.steps,
             .b = packed_ + start * depth() / 2,
             .scales = scales_ + start * groups_,
             .zero_points = zero_points_ + start * groups_,
             .bias = product_bias(start),
             .c = block.output + start,
             .c_stride = outputs()});
}

}  // namespace

std::unique_ptr<const Linear> make_int4_linear(const LinearWeights& weights, std::span<const float> bias, Activation activation,
                                               CpuLevel level, WeightArena& arena) {
  return std::make_unique<Int4Linear>(weights, bias, activation, level, arena);
}

}  // namespace orthant
