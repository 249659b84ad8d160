// quantize_layer and its parts: samples, balancing, activation steps, and the two named errors.

#include "encoder/quantize/quantize_layer.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "encoder/quantize/convert_weights.h"
#include "encoder/quantize/weight_error.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

constexpr int kLimit = 63;

class QuantizeLayer : public testing::Test {
 protected:
  std::vector<float> random_floats(std::size_t count, float spread = 1.0F) {
    std::normal_distribution<float> normal(0.0F, spread);
    std::vector<float> values(count);
    for (float& value : values) value = normal(generator_);
    return values;
  }
  static LinearWeights layer_of(std::vector<float> values, std::size_t inputs) {
    const std::size_t outputs = values.size() / inputs;
    return {.outputs = outputs, .inputs = inputs, .data = FloatWeights{std::move(values)}, .input = {}, .activation_step = 0};
  }
  // Inputs of which one in sixteen is thirty times as large: the outlier channels of transformers.
  InputSample sample_with_outliers(std::size_t rows, std::size_t inputs) {
    InputSample sample{.inputs = inputs, .rows = random_floats(rows * inputs)};
    for (std::size_t i = 0; i < sample.rows.size(); i += 16) sample.rows[i] *= 30;
    return sample;
  }

  std::mt19937_64 generator_{test::sample_seed()};
};

// Mean squared error of the layer's outputs with activations in 7 bits, as the kernels compute them.
double output_error(const LinearWeights& layer, const LinearWeights& quantized, const InputSample& sample) {
  const std::vector<float> exact = dequantize(layer);
  const std::vector<float> weights = dequantize(quantized);
  const InputSample seen = transformed_sample(sample, quantized.input);
  double sum = 0;
  for (std::size_t row = 0; row < sample.row_count(); ++row) {
    const float* values = seen.rows.data() + row * seen.inputs;
    float step = quantized.activation_step;
    if (step == 0) {
      for (std::size_t i = 0; i < seen.inputs; ++i) step = std::max(step, std::abs(values[i]) / kLimit);
    }
    for (std::size_t o = 0; o < layer.outputs; ++o) {
      double difference = 0;
      for (std::size_t i = 0; i < seen.inputs; ++i) {
        const double code = std::clamp<double>(std::nearbyint(values[i] / step), -kLimit, kLimit);
        difference += static_cast<double>(exact[o * seen.inputs + i]) * sample.rows[row * seen.inputs + i];
        difference -= static_cast<double>(weights[o * seen.inputs + i]) * code * static_cast<double>(step);
      }
      sum += difference * difference;
    }
  }
  return sum / static_cast<double>(sample.row_count() * layer.outputs);
}

TEST_F(QuantizeLayer, LosesLessWithRotationOrBalancingWhereInputsHaveOutliers) {
  const LinearWeights layer = layer_of(random_floats(std::size_t{32} * 128, 0.05F), 128);
  const InputSample sample = sample_with_outliers(200, 128);
  const auto error_of = [&](const LayerScheme& scheme) {
    const Result<LinearWeights> quantized = quantize_layer(layer, scheme, &sample);
    EXPECT_TRUE(quantized) << quantized.error().message;
    return output_error(layer, *quantized, sample);
  };
  const double plain = error_of({.rotate = false});
  EXPECT_LT(error_of({.rotate = true}), 0.5 * plain);
  EXPECT_LT(error_of({.rotate = false, .balance = 0.5}), 0.5 * plain);
  EXPECT_LT(error_of({.rotate = true, .balance = 0.5}), 0.5 * plain);
  EXPECT_LT(error_of({.rotate = true, .gptq = true}), 0.5 * plain);
}

TEST_F(QuantizeLayer, KeepsTheProductUnderEveryTransform) {
  const LinearWeights layer = layer_of(random_floats(std::size_t{8} * 96), 96);
  const InputSample sample = sample_with_outliers(50, 96);
  for (const LayerScheme& scheme : {LayerScheme{.rotate = false, .balance = 0.5}, LayerScheme{.balance = 0.7}}) {
    const Result<LinearWeights> quantized = quantize_layer(layer, scheme, &sample);
    EXPECT_LT(weight_error(layer, *quantized, &sample).relative_output, 1e-2);
  }
}

TEST_F(QuantizeLayer, GivesWhatConvertWeightsGivesWithoutCalibration) {
  const LinearWeights layer = layer_of(random_floats(std::size_t{8} * 128), 128);
  for (const WeightPrecision precision : {WeightPrecision::kInt8, WeightPrecision::kNf4, WeightPrecision::kBfloat16}) {
    const Result<LinearWeights> quantized = quantize_layer(layer, {.precision = precision}, nullptr);
    ASSERT_TRUE(quantized);
    EXPECT_EQ(dequantize(*quantized), dequantize(convert_weights(layer, precision)));
  }
}

TEST_F(QuantizeLayer, SaysWhenItNeedsCalibration) {
  const LinearWeights layer = layer_of(random_floats(64), 8);
  for (const LayerScheme& scheme :
       {LayerScheme{.balance = 0.5}, LayerScheme{.gptq = true}, LayerScheme{.activations = ActivationScale::kMse}}) {
    EXPECT_TRUE(needs_sample(scheme));
    EXPECT_EQ(quantize_layer(layer, scheme, nullptr).error().code, ErrorCode::kInvalidArgument);
  }
  const InputSample narrow{.inputs = 4, .rows = std::vector<float>(8, 1.0F)};
  EXPECT_EQ(quantize_layer(layer, {.gptq = true}, &narrow).error().code, ErrorCode::kInvalidArgument);
  EXPECT_FALSE(needs_sample({.precision = WeightPrecision::kNf4, .gptq = true}));
}

TEST_F(QuantizeLayer, SumsMomentsLikePlainLoops) {
  const InputSample sample{.inputs = 5, .rows = random_floats(std::size_t{5} * 700)};
  const std::vector<double> moments = input_moments(sample);
  for (std::size_t i = 0; i < 5; ++i) {
    for (std::size_t j = 0; j < 5; ++j) {
      double sum = 0;
      for (std::size_t row = 0; row < 700; ++row) sum += static_cast<double>(sample.rows[row * 5 + i]) * sample.rows[row * 5 + j];
      EXPECT_NEAR(moments[i * 5 + j], sum / 700, 1e-5);
    }
  }
}

TEST_F(QuantizeLayer, BalancesAsSmoothQuantDoes) {
  const InputSample sample{.inputs = 2, .rows = {8.0F, -1.0F, -16.0F, 0.5F}};
  // s = sqrt(16 / 1) = 4 and sqrt(1 / 4) = 1/2; factors are 1 / s.
  const std::vector<float> factors = balancing_factors(sample, {1.0F, 2.0F, -0.5F, -4.0F}, 0.5);
  EXPECT_FLOAT_EQ(factors[0], 0.25F);
  EXPECT_FLOAT_EQ(factors[1], 2.0F);
  // Nothing seen and nothing weighed: finite all the same.
  for (const float factor : balancing_factors({.inputs = 2, .rows = {0, 0}}, {0, 0}, 0.5)) EXPECT_TRUE(std::isfinite(factor));
}

TEST_F(QuantizeLayer, FindsStepsOfStaticActivations) {
  std::vector<float> values = random_floats(100'000);
  values[5] = -12.6F;
  EXPECT_FLOAT_EQ(activation_step(values, ActivationScale::kMinMax, 63), 0.2F);
  EXPECT_EQ(activation_step(values, ActivationScale::kDynamic, 63), 0.0F);
  std::vector<float> sorted;
  for (const float value : values) sorted.push_back(std::abs(value));
  std::sort(sorted.begin(), sorted.end());
  EXPECT_FLOAT_EQ(activation_step(values, ActivationScale::kPercentile, 63), sorted[99'989] / 63);
  // One outlier in 100,000 is clipped: the bound lies near the end of the normal distribution.
  const float step = activation_step(values, ActivationScale::kMse, 63);
  EXPECT_GT(step * 63, 3.0F);
  EXPECT_LT(step * 63, 9.0F);
  EXPECT_FLOAT_EQ(activation_step(values, ActivationScale::kMinMax, 126), 0.1F);
  EXPECT_EQ(activation_step(std::vector<float>(10), ActivationScale::kMse, 63), 0.0F);
  std::vector<float> sparse(100'000);
  sparse[7] = 6.3F;
  EXPECT_FLOAT_EQ(activation_step(sparse, ActivationScale::kPercentile, 63), 0.1F);
}

// The textbooks' columns, each a group of one output: scale (max - min) / 15.
TEST_F(QuantizeLayer, NamesTheErrorsOfTheTextbooksExample) {
  // A fourth weight of 0 fills the group up; it is exact.
  const std::vector<float> values = {1.5F, -1.2F, 2.0F, 0, -0.9F, 0.4F, -2.4F, 0, 2.1F, 0.0F, 1.8F, 0};
  const LinearWeights layer = layer_of(values, 4);
  LinearWeights quantized = layer;
  quantized.data = round_to_int4(values, 4, Int4Scheme::kTextbook);
  const std::vector<int> codes = {7, -6, 7, 0, -5, 2, -8, 0, 7, 0, 7, 0};
  const std::vector<double> scales = {3.2 / 15, 2.8 / 15, 2.1 / 15};
  double rounding = 0;
  double clipping = 0;
  int clipped = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double scale = scales[i / 4];
    EXPECT_NEAR(dequantize(quantized)[i], codes[i] * scale, 1e-6);
    const double clamped = std::clamp<double>(values[i], -8 * scale, 7 * scale);
    rounding += std::pow(codes[i] * scale - clamped, 2);
    clipping += std::pow(values[i] - clamped, 2);
    clipped += std::abs(values[i] - clamped) > 1e-6 ? 1 : 0;
  }
  // 1.5 > 7 scale = 1.493 and 2.0; -2.4 < -8 scale = -1.493; 2.1 and 1.8 > 0.98.
  EXPECT_EQ(clipped, 5);
  const WeightError error = weight_error(layer, quantized, nullptr);
  EXPECT_NEAR(error.rounding, rounding / 12, 1e-7);
  EXPECT_NEAR(error.clipping, clipping / 12, 1e-7);
  EXPECT_DOUBLE_EQ(error.clipped_share, 5.0 / 12);
  double squares = 0;
  for (const float value : values) squares += std::pow(static_cast<double>(value), 2);
  EXPECT_NEAR(error.relative, (rounding + clipping) / squares, 1e-6);
}

TEST_F(QuantizeLayer, MeasuresTheErrorAtTheOutputs) {
  const LinearWeights layer = layer_of(random_floats(std::size_t{6} * 32), 32);
  const InputSample sample{.inputs = 32, .rows = random_floats(std::size_t{32} * 40)};
  const LinearWeights quantized = *quantize_layer(layer, {.precision = WeightPrecision::kInt4}, nullptr);
  const std::vector<float> before = dequantize(layer);
  const std::vector<float> after = untransformed_weights(quantized);
  double error = 0;
  double whole = 0;
  for (std::size_t row = 0; row < 40; ++row) {
    for (std::size_t o = 0; o < 6; ++o) {
      double difference = 0;
      double output = 0;
      for (std::size_t i = 0; i < 32; ++i) {
        const double input = sample.rows[row * 32 + i];
        difference += (static_cast<double>(before[o * 32 + i]) - after[o * 32 + i]) * input;
        output += static_cast<double>(before[o * 32 + i]) * input;
      }
      error += difference * difference;
      whole += output * output;
    }
  }
  EXPECT_NEAR(weight_error(layer, quantized, &sample).relative_output / (error / whole), 1.0, 1e-4);
}

}  // namespace
}  // namespace orthant
