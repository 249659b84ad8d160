// Every form of Linear at every level against the product of its dequantized weights with the transformed inputs.

#include "encoder/kernels/linear.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "base/cpu.h"
#include "encoder/quantize/convert_weights.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

using Parameter = std::tuple<CpuLevel, WeightPrecision>;

std::vector<float> random_floats(std::mt19937_64& generator, std::size_t count, float spread) {
  std::normal_distribution<float> value(0.0F, spread);
  std::vector<float> floats(count);
  for (float& x : floats) x = value(generator);
  return floats;
}

LinearWeights random_weights(std::mt19937_64& generator, std::size_t outputs, std::size_t inputs, WeightPrecision precision) {
  LinearWeights weights;
  weights.outputs = outputs;
  weights.inputs = inputs;
  weights.data = FloatWeights{random_floats(generator, outputs * inputs, 0.1F)};
  return convert_weights(std::move(weights), precision);
}

// How much the form rounds the activations, in steps of their largest value.
double activation_error(WeightPrecision precision) {
  switch (precision) {
    case WeightPrecision::kInt8: return 0.5 / 63;
    case WeightPrecision::kInt4: return 0.5 / 127;
    case WeightPrecision::kBfloat16: return 1.0 / 256;  // where the CPU multiplies bfloat16
    default: return 0;
  }
}

class LinearOfForm : public testing::TestWithParam<Parameter> {
 protected:
  void SetUp() override {
    if (!cpu_supports(level())) GTEST_SKIP() << "this CPU lacks the level " << cpu_level_name(level());
  }
  CpuLevel level() const { return std::get<0>(GetParam()); }
  WeightPrecision precision() const { return std::get<1>(GetParam()); }

  std::mt19937_64 generator_{test::random_seed()};
};

// What the activations round away adds up like a random walk: six deviations are never passed.
void expect_near_reference(const LinearWeights& weights, const std::vector<float>& bias, Activation activation,
                           const std::vector<float>& input, const std::vector<float>& output, double activation_step) {
  const std::vector<float> values = dequantize(weights);
  std::vector<float> transformed = input;
  const std::size_t rows = input.size() / weights.inputs;
  transform_inputs(weights.input, rows, weights.inputs, transformed.data());
  for (std::size_t row = 0; row < rows; ++row) {
    const float* x = transformed.data() + row * weights.inputs;
    double largest = 0;
    for (std::size_t i = 0; i < weights.inputs; ++i) largest = std::max<double>(largest, std::abs(x[i]));
    for (std::size_t o = 0; o < weights.outputs; ++o) {
      double sum = 0;
      double squares = 0;
      for (std::size_t i = 0; i < weights.inputs; ++i) {
        const double weight = values[o * weights.inputs + i];
        sum += weight * x[i];
        squares += weight * weight;
      }
      double expected = sum + bias[o];
      if (activation == Activation::kRelu) expected = std::max(expected, 0.0);
      const double bound = 6 * activation_step * largest * std::sqrt(squares) + 1e-5 * (1 + std::abs(expected));
      ASSERT_NEAR(output[row * weights.outputs + o], expected, bound) << "row " << row << " output " << o;
    }
  }
}

TEST_P(LinearOfForm, GivesTheProductOfItsStoredWeights) {
  struct Shape {
    std::size_t outputs, inputs;
  };
  for (const Shape& shape : {Shape{96, 64}, Shape{50, 128}, Shape{1, 384}, Shape{7, 24}, Shape{130, 40}, Shape{33, 10}}) {
    const LinearWeights weights = random_weights(generator_, shape.outputs, shape.inputs, precision());
    const std::vector<float> bias = random_floats(generator_, shape.outputs, 1.0F);
    for (const Activation activation : {Activation::kNone, Activation::kRelu}) {
      WeightArena arena;
      LinearScratch scratch;
      const auto linear = Linear::make(weights, bias, activation, level(), arena);
      for (const std::size_t rows : {1U, 5U, 12U, 131U}) {
        const std::vector<float> input = random_floats(generator_, rows * shape.inputs, 1.0F);
        std::vector<float> output(rows * shape.outputs);
        linear->apply(rows, input.data(), output.data(), scratch);
        expect_near_reference(weights, bias, activation, input, output, activation_error(linear->precision()));
      }
    }
  }
}

TEST_P(LinearOfForm, GivesARowTheSameBitsAloneAndInABatch) {
  const LinearWeights weights = random_weights(generator_, 100, 128, precision());
  WeightArena arena;
  LinearScratch scratch;
  const auto linear = Linear::make(weights, {}, Activation::kGeluErf, level(), arena);
  const std::vector<float> input = random_floats(generator_, 150 * 128, 1.0F);
  std::vector<float> together(150 * 100);
  linear->apply(150, input.data(), together.data(), scratch);
  for (const std::size_t row : {0U, 5U, 127U, 128U, 149U}) {
    std::vector<float> alone(100);
    linear->apply(1, input.data() + row * 128, alone.data(), scratch);
    for (std::size_t o = 0; o < 100; ++o) ASSERT_EQ(alone[o], together[row * 100 + o]) << "row " << row << " output " << o;
  }
}

// Codes that a foreign file may hold: the sums of neighbours exceed what the fast AVX2 kernel adds in 16 bits.
TEST(Linear, IsExactForAnyInt8Codes) {
  for (const CpuLevel level : all_cpu_levels()) {
    if (!cpu_supports(level)) continue;
    LinearWeights weights;
    weights.outputs = 20;
    weights.inputs = 64;
    weights.data = Int8Weights{std::vector<std::int8_t>(20 * 64, 127), std::vector<float>(20, 1.0F)};
    WeightArena arena;
    LinearScratch scratch;
    const auto linear = Linear::make(weights, {}, Activation::kNone, level, arena);
    const std::vector<float> input(64, 63.0F);  // a step of exactly one
    std::vector<float> output(20);
    linear->apply(1, input.data(), output.data(), scratch);
    for (const float value : output) EXPECT_EQ(value, 64.0F * 63.0F * 127.0F) << cpu_level_name(level);
  }
}

INSTANTIATE_TEST_SUITE_P(AllForms, LinearOfForm,
                         testing::Combine(testing::ValuesIn(all_cpu_levels().begin(), all_cpu_levels().end()),
                                          testing::Values(WeightPrecision::kFloat32, WeightPrecision::kBfloat16,
                                                          WeightPrecision::kFloat16, WeightPrecision::kInt8, WeightPrecision::kInt4,
                                                          WeightPrecision::kNf4)),
                         [](const auto& instance) {
                           return std::string(cpu_level_name(std::get<0>(instance.param))) + "_" +
                                  std::string(weight_precision_name(std::get<1>(instance.param)));
                         });

}  // namespace
}  // namespace orthant
