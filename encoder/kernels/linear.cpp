#include "encoder/kernels/linear.h"

#include <algorithm>

#include "encoder/kernels/bfloat16_linear.h"
#include "encoder/kernels/integer_linear.h"
#include "encoder/kernels/panel_linear.h"

namespace orthant {
namespace {

std::size_t line_rounded(std::size_t bytes) {
  return (bytes + kCacheLineBytes - 1) / kCacheLineBytes * kCacheLineBytes;
}

}  // namespace

std::span<std::uint8_t> WeightArena::take(std::size_t bytes) {
  const std::size_t needed = line_rounded(bytes);
  if (pieces_.empty() || pieces_.back().size() - used_ < needed) {
    pieces_.emplace_back(std::max(needed, piece_bytes_));
    used_ = 0;
  }
  const std::span<std::uint8_t> taken = pieces_.back().span().subspan(used_, bytes);
  used_ += needed;
  taken_ += needed;
  return taken;
}

std::unique_ptr<const Linear> Linear::make(const LinearWeights& weights, std::span<const float> bias, Activation activation,
                                           CpuLevel level, WeightArena& arena) {
  switch (weights.precision()) {
    case WeightPrecision::kInt8: return make_int8_linear(weights, bias, activation, level, arena);
    case WeightPrecision::kInt4: return make_int4_linear(weights, bias, activation, level, arena);
    case WeightPrecision::kBfloat16:
#if defined(__x86_64__)
      if (multiplies_bfloat16(level)) return make_bfloat16_linear(weights, bias, activation, level, arena);
#endif
      return make_half_linear(weights, bias, activation, level, arena);
    case WeightPrecision::kFloat16: return make_half_linear(weights, bias, activation, level, arena);
    case WeightPrecision::kNf4:
      if (weights.inputs % Nf4Weights::kBlock == 0) return make_nf4_linear(weights, bias, activation, level, arena);
      break;
    default: return make_float_linear(weights, bias, activation, level, arena);
  }
  // Blocks that straddle outputs.
  LinearWeights widened{
      .outputs = weights.outputs, .inputs = weights.inputs, .data = FloatWeights{dequantize(weights)}, .input = {}};
  return make_float_linear(widened, bias, activation, level, arena);
}

}  // namespace orthant
