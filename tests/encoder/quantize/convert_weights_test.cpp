// convert_weights: what each precision stands for, and that its products stay near the float layer's.

#include "encoder/quantize/convert_weights.h"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "encoder/kernels/int8_range.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

class ConvertWeights : public testing::Test {
 protected:
  std::vector<float> random_floats(std::size_t count) {
    std::normal_distribution<float> normal(0.0F, 0.05F);
    std::vector<float> values(count);
    for (float& value : values) value = normal(generator_);
    return values;
  }
  LinearWeights random_layer(std::size_t outputs, std::size_t inputs) {
    return {.outputs = outputs,
            .inputs = inputs,
            .data = FloatWeights{random_floats(outputs * inputs)},
            .input = {},
            .activation_step = 0};
  }

  std::mt19937_64 generator_{test::random_seed()};
};

// |a - b| / |a|
double relative_distance(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double difference = 0;
  double length = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(static_cast<double>(a[i]) - b[i], 2);
    length += std::pow(static_cast<double>(a[i]), 2);
  }
  return std::sqrt(difference / length);
}

std::vector<float> product(const LinearWeights& layer, std::vector<float> input) {
  transform_inputs(layer.input, 1, layer.inputs, input.data());
  const std::vector<float> weights = dequantize(layer);
  std::vector<float> output(layer.outputs);
  for (std::size_t o = 0; o < layer.outputs; ++o) {
    double sum = 0;
    for (std::size_t i = 0; i < layer.inputs; ++i) sum += static_cast<double>(weights[o * layer.inputs + i]) * input[i];
    output[o] = static_cast<float>(sum);
  }
  return output;
}

struct Expectation {
  WeightPrecision precision;
  double distance;  // of weights of a normal distribution
};
constexpr Expectation kExpectations[] = {{WeightPrecision::kFloat32, 0},      {WeightPrecision::kBfloat16, 0.003},
                                         {WeightPrecision::kFloat16, 0.0004}, {WeightPrecision::kInt8, 0.015},
                                         {WeightPrecision::kInt4, 0.1},       {WeightPrecision::kNf4, 0.11}};

TEST_F(ConvertWeights, StaysNearTheWeightsAndTheirProducts) {
  // Short rows spread less: more of their sets reach the bound on their sums.
  for (const std::size_t inputs : {64U, 160U, 384U}) {
    const LinearWeights layer = random_layer(48, inputs);
    const std::vector<float>& floats = std::get<FloatWeights>(layer.data).values;
    const std::vector<float> input = random_floats(inputs);
    for (const Expectation& expected : kExpectations) {
      const LinearWeights converted = convert_weights(layer, expected.precision);
      EXPECT_EQ(converted.precision(), expected.precision);
      EXPECT_EQ(converted.outputs, 48U);
      EXPECT_EQ(converted.inputs, inputs);
      EXPECT_LE(relative_distance(floats, untransformed_weights(converted)), expected.distance);
      EXPECT_LE(relative_distance(product(layer, input), product(converted, input)), expected.distance * 2 + 1e-6);
    }
  }
}

TEST_F(ConvertWeights, KeepsThePairSumsOfInt8) {
  for (const std::size_t inputs : {7U, 12U, 384U}) {
    LinearWeights layer = random_layer(64, inputs);
    // A flat distribution: many sums that would be too large.
    for (float& value : std::get<FloatWeights>(layer.data).values) value = std::clamp(value * 40, -1.0F, 1.0F);
    const LinearWeights converted = convert_weights(layer, WeightPrecision::kInt8);
    EXPECT_TRUE(within_pair_sums(std::get<Int8Weights>(converted.data), inputs));
    EXPECT_LT(relative_distance(std::get<FloatWeights>(layer.data).values, untransformed_weights(converted)), 0.08) << inputs;
  }
}

TEST_F(ConvertWeights, GroupsInt4By64WhereThatDividesTheInputs) {
  EXPECT_EQ(std::get<Int4Weights>(convert_weights(random_layer(3, 384), WeightPrecision::kInt4).data).group_size, 64U);
  const auto odd_groups = std::get<Int4Weights>(convert_weights(random_layer(3, 96), WeightPrecision::kInt4).data);
  EXPECT_EQ(odd_groups.group_size, 32U);
  EXPECT_EQ(odd_groups.scales.size(), 9U);
  EXPECT_EQ(int4_group_size(40, 64), 8U);
}

TEST_F(ConvertWeights, MakesInt8OfWhatInt4AndNf4CannotHold) {
  EXPECT_EQ(convert_weights(random_layer(4, 36), WeightPrecision::kInt4).precision(), WeightPrecision::kInt8);
  EXPECT_EQ(convert_weights(random_layer(4, 33), WeightPrecision::kNf4).precision(), WeightPrecision::kInt8);
}

TEST_F(ConvertWeights, UndoesTheTransformOnTheWayBack) {
  const LinearWeights layer = random_layer(16, 96);
  InputTransform transform = random_rotation(96);
  for (std::size_t i = 0; i < 96; ++i) transform.factors[i] *= 0.5F + static_cast<float>(i) / 64;
  LinearWeights transformed = layer;
  transformed.input = transform;
  auto& values = std::get<FloatWeights>(transformed.data).values;
  transform_weights(transform, 16, 96, values.data());
  EXPECT_GT(relative_distance(std::get<FloatWeights>(layer.data).values, values), 0.5);
  EXPECT_LT(relative_distance(std::get<FloatWeights>(layer.data).values, untransformed_weights(transformed)), 1e-6);
  const std::vector<float> input = random_floats(96);
  EXPECT_LT(relative_distance(product(layer, input), product(transformed, input)), 1e-5);
}

TEST_F(ConvertWeights, GivesTheSameFromWhatIsConvertedAlready) {
  const LinearWeights int8 = convert_weights(random_layer(16, 64), WeightPrecision::kInt8);
  const LinearWeights again = convert_weights(int8, WeightPrecision::kInt8);
  EXPECT_EQ(std::get<Int8Weights>(int8.data).codes, std::get<Int8Weights>(again.data).codes);
  const LinearWeights half = convert_weights(int8, WeightPrecision::kFloat16);
  EXPECT_LT(relative_distance(untransformed_weights(int8), untransformed_weights(half)), 0.0004);
}

}  // namespace
}  // namespace orthant
