// GPTQ against the plain algorithm (one column after the other, the inverse updated in place) in double precision, a case computed
// by hand, and what it is for: less error at the outputs than rounding to the nearest.

#include "encoder/quantize/gptq.h"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "encoder/kernels/int8_range.h"
#include "encoder/quantize/cholesky.h"
#include "encoder/quantize/convert_weights.h"
#include "encoder/quantize/input_sample.h"
#include "encoder/quantize/int8_rounding.h"
#include "encoder/quantize/weight_error.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

class Gptq : public testing::Test {
 protected:
  std::vector<float> random_floats(std::size_t count, float spread = 1.0F) {
    std::normal_distribution<float> normal(0.0F, spread);
    std::vector<float> values(count);
    for (float& value : values) value = normal(generator_);
    return values;
  }
  // Rows that are mixtures of a few directions, as activations are.
  InputSample correlated_sample(std::size_t rows, std::size_t inputs) {
    const std::size_t directions = inputs / 4 + 1;
    const std::vector<float> mixing = random_floats(directions * inputs);
    InputSample sample{.inputs = inputs, .rows = random_floats(rows * inputs, 0.3F)};
    for (std::size_t row = 0; row < rows; ++row) {
      const std::vector<float> weights = random_floats(directions);
      for (std::size_t d = 0; d < directions; ++d) {
        for (std::size_t i = 0; i < inputs; ++i) sample.rows[row * inputs + i] += weights[d] * mixing[d * inputs + i];
      }
    }
    return sample;
  }

  std::mt19937_64 generator_{test::sample_seed()};
};

std::vector<double> plain_inverse(std::vector<double> matrix, std::size_t n) {
  std::vector<double> inverse(n * n);
  for (std::size_t i = 0; i < n; ++i) inverse[i * n + i] = 1;
  for (std::size_t pivot = 0; pivot < n; ++pivot) {
    const double scale = 1 / matrix[pivot * n + pivot];
    for (std::size_t j = 0; j < n; ++j) {
      matrix[pivot * n + j] *= scale;
      inverse[pivot * n + j] *= scale;
    }
    for (std::size_t row = 0; row < n; ++row) {
      if (row == pivot) continue;
      const double factor = matrix[row * n + pivot];
      for (std::size_t j = 0; j < n; ++j) {
        matrix[row * n + j] -= factor * matrix[pivot * n + j];
        inverse[row * n + j] -= factor * inverse[pivot * n + j];
      }
    }
  }
  return inverse;
}

TEST_F(Gptq, FactorizesTheInverse) {
  for (const std::size_t n : {1U, 2U, 3U, 63U, 64U, 65U, 130U, 197U}) {
    const std::vector<double> moments = input_moments(correlated_sample(2 * n + 5, n));
    const Result<std::vector<double>> factor = inverse_factor(moments, n);
    ASSERT_TRUE(factor) << factor.error().message;
    // U matrix U^T = identity.
    std::vector<double> product(n * n);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t k = 0; k < n; ++k) {
        for (std::size_t j = 0; j < n; ++j)
          product[i * n + j] += (*factor)[i * n + k] * moments[std::min(j, k) * n + std::max(j, k)];
      }
    }
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        double value = 0;
        for (std::size_t k = 0; k < n; ++k) value += product[i * n + k] * (*factor)[j * n + k];
        ASSERT_NEAR(value, i == j ? 1 : 0, 1e-5) << n << ": " << i << ", " << j;
        if (j < i) {
          ASSERT_EQ((*factor)[i * n + j], 0.0);
        }
      }
    }
  }
}

TEST_F(Gptq, RefusesWhatIsNotPositiveDefinite) {
  EXPECT_EQ(inverse_factor({1, 2, 2, 1}, 2).error().code, ErrorCode::kInvalidArgument);
  EXPECT_FALSE(inverse_factor({std::nan("")}, 1));
}

// H = [2 1; 1 2]: what input 1 loses, input 2 makes good for by half. Scale (7.4 + 7.6) / 15 = 1: 7.4 becomes 7 and loses 0.4, so
// that -7.6 + 0.2 = -7.4 becomes -7, not -8.
TEST_F(Gptq, CarriesAnErrorAsComputedByHand) {
  const GptqOptions options{.damping = 0, .activation_order = false};
  const auto weights = gptq_int4({7.4F, -7.6F}, 2, {2, 1, 1, 2}, options, 2, Int4Scheme::kTextbook);
  ASSERT_TRUE(weights) << weights.error().message;
  EXPECT_FLOAT_EQ(weights->scales[0], 1.0F);
  EXPECT_EQ(weights->codes[0], (7 + 8) | (-7 + 8) << 4);
  const Int4Weights nearest = round_to_int4({7.4F, -7.6F}, 2, Int4Scheme::kTextbook);
  EXPECT_EQ(nearest.codes[0], (7 + 8) | (-8 + 8) << 4);
}

// Per row, one column after the other.
std::vector<int> plain_gptq_int8(const std::vector<float>& row, const std::vector<double>& damped, float scale,
                                 const std::vector<std::size_t>& order) {
  const std::size_t n = row.size();
  std::vector<double> values(row.begin(), row.end());
  std::vector<double> inverse = plain_inverse(damped, n);
  std::vector<int> codes(n);
  for (const std::size_t j : order) {
    codes[j] = static_cast<int>(std::nearbyint(std::clamp(values[j] / static_cast<double>(scale), -127.0, 127.0)));
    const double error = (values[j] - codes[j] * static_cast<double>(scale)) / inverse[j * n + j];
    for (std::size_t k = 0; k < n; ++k) values[k] -= error * inverse[j * n + k];
    const std::vector<double> column(inverse.begin() + static_cast<std::ptrdiff_t>(j * n),
                                     inverse.begin() + static_cast<std::ptrdiff_t>((j + 1) * n));
    for (std::size_t a = 0; a < n; ++a) {
      // Taken inputs are out of it: their rows are zero but for rounding.
      for (std::size_t b = 0; b < n; ++b) inverse[a * n + b] -= column[a] * column[b] / column[j];
    }
    for (std::size_t a = 0; a < n; ++a) inverse[a * n + j] = inverse[j * n + a] = 0;
  }
  return codes;
}

TEST_F(Gptq, GivesTheCodesOfThePlainAlgorithm) {
  constexpr std::size_t kInputs = 152;  // two blocks
  const std::vector<double> moments = input_moments(correlated_sample(400, kInputs));
  for (const bool by_activation : {false, true}) {
    std::vector<std::size_t> order(kInputs);
    for (std::size_t i = 0; i < kInputs; ++i) order[i] = i;
    if (by_activation) {
      std::sort(order.begin(), order.end(),
                [&](std::size_t a, std::size_t b) { return moments[a * kInputs + a] > moments[b * kInputs + b]; });
    }
    std::vector<double> damped = moments;
    double trace = 0;
    for (std::size_t i = 0; i < kInputs; ++i) trace += moments[i * kInputs + i];
    for (std::size_t i = 0; i < kInputs; ++i) damped[i * kInputs + i] += 0.01 * trace / kInputs;
    const std::vector<float> weights = random_floats(4 * kInputs);
    const auto quantized = gptq_int8(weights, kInputs, moments, {.damping = 0.01, .activation_order = by_activation});
    ASSERT_TRUE(quantized) << quantized.error().message;
    int agreeing_rows = 0;
    for (std::size_t row = 0; row < 4; ++row) {
      const std::vector<float> values(weights.begin() + static_cast<std::ptrdiff_t>(row * kInputs),
                                      weights.begin() + static_cast<std::ptrdiff_t>((row + 1) * kInputs));
      const std::vector<int> expected = plain_gptq_int8(values, damped, quantized->scales[row], order);
      int differences = 0;
      for (std::size_t i = 0; i < kInputs; ++i) differences += quantized->codes[row * kInputs + i] != expected[i] ? 1 : 0;
      agreeing_rows += differences <= static_cast<int>(kInputs) / 50 ? 1 : 0;
    }
    // A value in the middle of two codes may fall to either side, and a set of codes may meet the bound of its sum, of which the
    // plain algorithm knows nothing: either takes the rest of its row along, in about one row of a hundred.
    EXPECT_GE(agreeing_rows, 2);
  }
}

// trace(D M D^T): what differences D of weights do to outputs on inputs of these moments, squared and summed.
double output_error(const std::vector<float>& weights, const LinearWeights& quantized, const std::vector<double>& moments) {
  std::vector<float> differences = dequantize(quantized);
  for (std::size_t i = 0; i < differences.size(); ++i) differences[i] -= weights[i];
  const std::size_t inputs = quantized.inputs;
  double sum = 0;
  for (std::size_t start = 0; start < differences.size(); start += inputs) {
    for (std::size_t i = 0; i < inputs; ++i) {
      for (std::size_t j = 0; j < inputs; ++j) {
        sum += static_cast<double>(differences[start + i]) * moments[i * inputs + j] * static_cast<double>(differences[start + j]);
      }
    }
  }
  return sum;
}

TEST_F(Gptq, LosesLessAtTheOutputsThanRoundingToTheNearest) {
  constexpr std::size_t kInputs = 256;
  constexpr std::size_t kOutputs = 32;
  const std::vector<double> moments = input_moments(correlated_sample(1000, kInputs));
  const std::vector<float> weights = random_floats(kOutputs * kInputs);
  LinearWeights layer{.outputs = kOutputs, .inputs = kInputs, .data = {}, .input = {}, .activation_step = 0};
  layer.data = round_to_int8(weights, kInputs);
  const double nearest8 = output_error(weights, layer, moments);
  layer.data = *gptq_int8(weights, kInputs, moments, {});
  EXPECT_TRUE(within_pair_sums(std::get<Int8Weights>(layer.data), kInputs));
  EXPECT_LT(output_error(weights, layer, moments), 0.5 * nearest8);
  for (const Int4Scheme scheme : {Int4Scheme::kAffine, Int4Scheme::kSymmetric}) {
    for (const std::size_t group : {32U, 64U, 128U}) {
      layer.data = round_to_int4(weights, group, scheme);
      const double nearest4 = output_error(weights, layer, moments);
      for (const bool by_activation : {false, true}) {
        layer.data = *gptq_int4(weights, kInputs, moments, {.damping = 0.01, .activation_order = by_activation}, group, scheme);
        EXPECT_LT(output_error(weights, layer, moments), 0.5 * nearest4) << group << int4_scheme_name(scheme) << by_activation;
      }
    }
  }
}

TEST_F(Gptq, KeepsThePairSumsOfFlatWeights) {
  constexpr std::size_t kInputs = 100;
  const std::vector<double> moments = input_moments(correlated_sample(300, kInputs));
  std::vector<float> weights = random_floats(16 * kInputs, 20.0F);
  for (float& value : weights) value = std::clamp(value, -1.0F, 1.0F);
  for (const bool by_activation : {false, true}) {
    const auto quantized = gptq_int8(weights, kInputs, moments, {.damping = 0.01, .activation_order = by_activation});
    EXPECT_TRUE(within_pair_sums(*quantized, kInputs));
  }
}

TEST_F(Gptq, RoundsToTheNearestWhereInputsAreIndependent) {
  constexpr std::size_t kInputs = 64;
  std::vector<double> moments(kInputs * kInputs);
  for (std::size_t i = 0; i < kInputs; ++i) moments[i * kInputs + i] = 1 + static_cast<double>(i % 5);
  const std::vector<float> weights = random_floats(8 * kInputs);
  EXPECT_EQ(gptq_int8(weights, kInputs, moments, {})->scales, round_to_int8(weights, kInputs).scales);
  EXPECT_EQ(gptq_int4(weights, kInputs, moments, {}, 32, Int4Scheme::kAffine)->codes,
            round_to_int4(weights, 32, Int4Scheme::kAffine).codes);
}

TEST_F(Gptq, TakesInputsThatWereNeverSeen) {
  const std::vector<float> weights = random_floats(4 * 32);
  const auto quantized = gptq_int4(weights, 32, std::vector<double>(32 * 32), {}, 32, Int4Scheme::kAffine);
  ASSERT_TRUE(quantized) << quantized.error().message;
  EXPECT_EQ(quantized->codes, round_to_int4(weights, 32, Int4Scheme::kAffine).codes);
}

}  // namespace
}  // namespace orthant
