#include "encoder/quantize/nf4_rounding.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <numeric>

namespace orthant {
namespace {

std::array<float, 15> midpoints() {
  const std::span<const float, 16> values = nf4_values();
  std::array<float, 15> between{};
  for (std::size_t i = 0; i < between.size(); ++i) between[i] = (values[i] + values[i + 1]) / 2.0F;
  return between;
}

void round_block(std::span<const float> block, float absmax, std::span<const float, 15> between, std::uint8_t* codes) {
  const float inverse = absmax > 0 ? 1.0F / absmax : 0.0F;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const float value = block[i] * inverse;
    const auto code = static_cast<std::uint8_t>(std::lower_bound(between.begin(), between.end(), value) - between.begin());
    codes[i / 2] = static_cast<std::uint8_t>(i % 2 == 0 ? code : codes[i / 2] | code << 4);
  }
}

void quantize_absmax(std::span<const float> absmax, Nf4Weights& weights) {
  const double sum = std::accumulate(absmax.begin(), absmax.end(), 0.0);
  weights.absmax_mean = static_cast<float>(sum / static_cast<double>(std::max<std::size_t>(absmax.size(), 1)));
  for (std::size_t start = 0; start < absmax.size(); start += Nf4Weights::kAbsmaxGroup) {
    const auto group = absmax.subspan(start, std::min(Nf4Weights::kAbsmaxGroup, absmax.size() - start));
    float largest = 0;
    for (const float value : group) largest = std::max(largest, std::abs(value - weights.absmax_mean));
    weights.absmax_scales.push_back(largest);
    const float inverse = largest > 0 ? 127.0F / largest : 0.0F;
    for (const float value : group) {
      weights.absmax_codes.push_back(static_cast<std::int8_t>(std::nearbyint((value - weights.absmax_mean) * inverse)));
    }
  }
}

}  // namespace

Nf4Weights round_to_nf4(std::span<const float> values) {
  assert(values.size() % 2 == 0);
  static const std::array<float, 15> between = midpoints();
  Nf4Weights weights;
  weights.codes.resize(values.size() / 2);
  std::vector<float> absmax;
  for (std::size_t start = 0; start < values.size(); start += Nf4Weights::kBlock) {
    const auto block = values.subspan(start, std::min(Nf4Weights::kBlock, values.size() - start));
    float largest = 0;
    for (const float value : block) largest = std::max(largest, std::abs(value));
    absmax.push_back(largest);
    round_block(block, largest, between, weights.codes.data() + start / 2);
  }
  quantize_absmax(absmax, weights);
  return weights;
}

}  // namespace orthant
