// Linear layers with a low-rank update against plain loops, at every level and over every form of weights.

#include "encoder/kernels/adapted_linear.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "encoder/quantize/convert_weights.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

std::vector<float> random_floats(std::mt19937_64& generator, std::size_t count, float spread) {
  std::normal_distribution<float> value(0.0F, spread);
  std::vector<float> floats(count);
  for (float& x : floats) x = value(generator);
  return floats;
}

class AdaptedLinearAtLevel : public testing::TestWithParam<CpuLevel> {
 protected:
  void SetUp() override {
    if (!cpu_supports(GetParam())) GTEST_SKIP() << "this CPU lacks the level " << cpu_level_name(GetParam());
  }
  // The layer without update and activation, then the update in double.
  void expect_sum(const LinearWeights& weights, std::size_t rank, std::size_t rows) {
    const LowRankUpdate update{rank, random_floats(generator_, rank * weights.inputs, 0.3F),
                               random_floats(generator_, weights.outputs * rank, 0.3F)};
    const std::vector<float> bias = random_floats(generator_, weights.outputs, 1.0F);
    const std::vector<float> input = random_floats(generator_, rows * weights.inputs, 1.0F);
    WeightArena arena;
    LinearScratch scratch;
    std::vector<float> expected(rows * weights.outputs);
    Linear::make(weights, bias, Activation::kNone, GetParam(), arena)->apply(rows, input.data(), expected.data(), scratch);
    const auto adapted = make_adapted_linear(weights, update, bias, Activation::kRelu, GetParam(), arena);
    std::vector<float> found(rows * weights.outputs);
    adapted->apply(rows, input.data(), found.data(), scratch);
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t output = 0; output < weights.outputs; ++output) {
        double sum = expected[row * weights.outputs + output];
        for (std::size_t k = 0; k < rank; ++k) {
          double low = 0;
          for (std::size_t i = 0; i < weights.inputs; ++i) {
            low += static_cast<double>(input[row * weights.inputs + i]) * update.down[k * weights.inputs + i];
          }
          sum += low * update.up[output * rank + k];
        }
        ASSERT_NEAR(found[row * weights.outputs + output], std::max(sum, 0.0), 1e-4 * (1 + std::abs(sum)))
            << "row " << row << " output " << output;
      }
    }
    EXPECT_EQ(adapted->precision(), weights.precision());
    EXPECT_GE(adapted->memory_bytes(), rank * (weights.inputs + weights.outputs) * sizeof(float));
  }

  std::mt19937_64 generator_{test::random_seed()};
};

TEST_P(AdaptedLinearAtLevel, AddsTheUpdateBeforeBiasAndActivation) {
  for (const WeightPrecision precision : {WeightPrecision::kFloat32, WeightPrecision::kBfloat16, WeightPrecision::kNf4,
                                          WeightPrecision::kInt4, WeightPrecision::kInt8}) {
    LinearWeights exact{.outputs = 70, .inputs = 128, .data = FloatWeights{random_floats(generator_, 70 * 128, 0.1F)}, .input = {}};
    const LinearWeights weights = convert_weights(exact, precision);
    for (const std::size_t rows : {std::size_t{1}, std::size_t{33}, std::size_t{70}}) expect_sum(weights, 5, rows);
  }
  LinearWeights odd{.outputs = 7, .inputs = 10, .data = FloatWeights{random_floats(generator_, 70, 0.1F)}, .input = {}};
  expect_sum(convert_weights(odd, WeightPrecision::kNf4), 1, 40);
}

INSTANTIATE_TEST_SUITE_P(Levels, AdaptedLinearAtLevel, testing::Values(CpuLevel::kPortable, CpuLevel::kAvx2, CpuLevel::kAvx512),
                         [](const auto& tested) { return std::string(cpu_level_name(tested.param)); });

}  // namespace
}  // namespace orthant
