// The float kernels of every level against double-precision references.

#include "encoder/kernels/float_kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/aligned_array.h"
#include "base/cpu.h"
#include "encoder/kernels/float_dispatch.h"
#include "encoder/kernels/packed_linear.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

class FloatKernelsOfLevel : public testing::TestWithParam<CpuLevel> {
 protected:
  void SetUp() override {
    if (!cpu_supports(GetParam())) GTEST_SKIP() << "this CPU lacks the level " << cpu_level_name(GetParam());
    kernels_ = &float_kernels_for(GetParam());
  }
  std::vector<float> random_floats(std::size_t count, float spread = 1.0F) {
    std::normal_distribution<float> values(0.0F, spread);
    std::vector<float> floats(count);
    for (float& value : floats) value = values(generator_);
    return floats;
  }

  const FloatKernels* kernels_ = nullptr;
  std::mt19937_64 generator_{test::random_seed()};
};

double dot(const float* a, const float* b, std::size_t count, std::size_t b_stride = 1) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += static_cast<double>(a[i]) * b[i * b_stride];
  return sum;
}

TEST_P(FloatKernelsOfLevel, MultiplyMatricesOfAllSmallShapes) {
  for (const std::size_t depth : {1U, 5U, 32U, 129U}) {
    for (std::size_t rows = 1; rows <= 20; ++rows) {
      for (const std::size_t columns : {1U, 3U, 4U, 7U, 8U, 15U, 16U, 17U, 31U, 32U, 33U, 48U, 49U, 64U, 80U, 95U}) {
        const std::vector<float> a = random_floats(rows * (depth + 3));
        const std::vector<float> b = random_floats(depth * (columns + 5));
        std::vector<float> c(rows * (columns + 2), 77.0F);
        kernels_->gemm(rows, columns, depth, a.data(), depth + 3, b.data(), columns + 5, c.data(), columns + 2);
        for (std::size_t row = 0; row < rows; ++row) {
          for (std::size_t column = 0; column < columns; ++column) {
            const double expected = dot(a.data() + row * (depth + 3), b.data() + column, depth, columns + 5);
            ASSERT_NEAR(c[row * (columns + 2) + column], expected, 1e-5 * std::sqrt(static_cast<double>(depth)) * 4)
                << rows << " x " << depth << " x " << columns << " at " << row << ", " << column;
          }
          ASSERT_EQ(c[row * (columns + 2) + columns], 77.0F) << "wrote past the row";
        }
      }
    }
  }
}

TEST_P(FloatKernelsOfLevel, MultiplyByPackedWeights) {
  for (const std::size_t outputs : {1U, 16U, 47U, 48U, 100U, 384U}) {
    for (const std::size_t rows : {1U, 12U, 130U}) {
      const std::size_t inputs = 96;
      const std::vector<float> weight = random_floats(outputs * inputs);
      const std::vector<float> input = random_floats(rows * inputs);
      AlignedArray<float> memory(outputs * inputs);
      PackedLinear linear(*kernels_, outputs, inputs, memory.span());
      const std::size_t half = outputs / 2;  // fused weights are set part by part
      linear.set_rows(0, half, weight.data());
      linear.set_rows(half, outputs - half, weight.data() + half * inputs);
      std::vector<float> output(rows * outputs);
      linear.multiply(rows, input.data(), output.data());
      for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t i = 0; i < outputs; ++i) {
          ASSERT_NEAR(output[row * outputs + i], dot(input.data() + row * inputs, weight.data() + i * inputs, inputs), 1e-4);
        }
      }
    }
  }
}

double reference_activation(Activation activation, double x) {
  switch (activation) {
    case Activation::kNone: return x;
    case Activation::kGeluErf: return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0)));
    case Activation::kGeluTanh: return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::kRelu: return x > 0 ? x : 0;
    case Activation::kTanh: return std::tanh(x);
  }
  return 0;
}

TEST_P(FloatKernelsOfLevel, ActivateOverTheWholeRange) {
  for (const Activation activation :
       {Activation::kNone, Activation::kGeluErf, Activation::kGeluTanh, Activation::kRelu, Activation::kTanh}) {
    std::vector<float> inputs;
    for (int i = -30000; i <= 30000; ++i) inputs.push_back(static_cast<float>(i) * 0.001F);
    for (const float far : {-1e4F, -200.0F, 200.0F, 1e4F, 0.0F, -0.0F, 1e-30F, -1e-30F}) inputs.push_back(far);
    std::vector<float> values = inputs;
    const std::vector<float> bias(values.size(), 0.0F);
    kernels_->bias_activation(1, values.size(), bias.data(), activation, values.data(), values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double x = inputs[i];
      ASSERT_NEAR(values[i], reference_activation(activation, x), 5e-7 * std::max(1.0, std::abs(x)))
          << "activation " << static_cast<int>(activation) << " at " << x;
    }
  }
}

TEST_P(FloatKernelsOfLevel, AddTheBiasOfTheColumn) {
  for (std::size_t columns = 1; columns <= 40; ++columns) {
    std::vector<float> values = random_floats(3 * (columns + 1));
    const std::vector<float> before = values;
    const std::vector<float> bias = random_floats(columns);
    kernels_->bias_activation(3, columns, bias.data(), Activation::kRelu, values.data(), columns + 1);
    for (std::size_t row = 0; row < 3; ++row) {
      for (std::size_t i = 0; i < columns; ++i) {
        const std::size_t at = row * (columns + 1) + i;
        ASSERT_EQ(values[at], std::max(before[at] + bias[i], 0.0F));
      }
      ASSERT_EQ(values[row * (columns + 1) + columns], before[row * (columns + 1) + columns]) << "wrote past the row";
    }
  }
}

TEST_P(FloatKernelsOfLevel, NormalizeLayersWithResidual) {
  for (std::size_t columns = 2; columns <= 70; ++columns) {
    const std::vector<float> input = random_floats(2 * columns, 3.0F);
    std::vector<float> residual = random_floats(2 * columns);
    const std::vector<float> kept = residual;
    const std::vector<float> bias = random_floats(columns);
    const std::vector<float> gamma = random_floats(columns);
    const std::vector<float> beta = random_floats(columns);
    kernels_->residual_norm(
        {input.data(), bias.data(), residual.data(), gamma.data(), beta.data(), 1e-6F, 2, columns, residual.data()});
    for (std::size_t row = 0; row < 2; ++row) {
      std::vector<double> sums(columns);
      double mean = 0;
      double variance = 0;
      for (std::size_t i = 0; i < columns; ++i) {
        sums[i] = static_cast<double>(input[row * columns + i]) + bias[i] + kept[row * columns + i];
        mean += sums[i] / static_cast<double>(columns);
      }
      double largest = 0;
      for (const double sum : sums) {
        variance += (sum - mean) * (sum - mean) / static_cast<double>(columns);
        largest = std::max(largest, std::abs(sum));
      }
      const double deviation = std::sqrt(variance + 1e-6);
      // The sums are rounded to floats before the mean is taken off: an error that the division by a small deviation magnifies.
      const double bound = 8 * std::numeric_limits<float>::epsilon() * (1 + largest / deviation);
      for (std::size_t i = 0; i < columns; ++i) {
        const double expected = (sums[i] - mean) / deviation * gamma[i] + beta[i];
        ASSERT_NEAR(residual[row * columns + i], expected, bound) << columns << " columns";
      }
    }
  }
}

TEST_P(FloatKernelsOfLevel, AttendToAllTokensOfTheSequence) {
  for (const std::size_t head_dim : {1U, 8U, 12U, 32U, 64U}) {
    for (const std::size_t tokens : {1U, 2U, 7U, 15U, 16U, 17U, 33U, 100U}) {
      const std::size_t stride = 3 * head_dim + 1;
      const std::vector<float> rows = random_floats(tokens * stride, 2.0F);
      std::vector<float> output(tokens * head_dim);
      AlignedArray<float> scratch(attention_scratch_floats(tokens, head_dim));
      const float scale = 1.0F / std::sqrt(static_cast<float>(head_dim));
      kernels_->attention({rows.data(), rows.data() + head_dim, rows.data() + 2 * head_dim, stride, tokens, head_dim, scale,
                           output.data(), head_dim, scratch.data()});
      for (std::size_t query = 0; query < tokens; ++query) {
        std::vector<double> weights(tokens);
        double total = 0;
        for (std::size_t key = 0; key < tokens; ++key) {
          weights[key] = std::exp(dot(rows.data() + query * stride, rows.data() + key * stride + head_dim, head_dim) * scale);
          total += weights[key];
        }
        for (std::size_t i = 0; i < head_dim; ++i) {
          double expected = 0;
          for (std::size_t key = 0; key < tokens; ++key) expected += weights[key] / total * rows[key * stride + 2 * head_dim + i];
          ASSERT_NEAR(output[query * head_dim + i], expected, 2e-5) << tokens << " tokens, head of " << head_dim;
        }
      }
    }
  }
}

TEST_P(FloatKernelsOfLevel, AttendWithHugeScoresWithoutOverflow) {
  std::vector<float> rows = {300.0F, 300.0F, 1.0F, -300.0F, -300.0F, 2.0F};
  std::vector<float> output(2);
  AlignedArray<float> scratch(attention_scratch_floats(2, 1));
  kernels_->attention({rows.data(), rows.data() + 1, rows.data() + 2, 3, 2, 1, 1.0F, output.data(), 1, scratch.data()});
  EXPECT_FLOAT_EQ(output[0], 1.0F);
  EXPECT_FLOAT_EQ(output[1], 2.0F);
}

// The levels that have kernels of their own.
INSTANTIATE_TEST_SUITE_P(Levels, FloatKernelsOfLevel, testing::Values(CpuLevel::kPortable, CpuLevel::kAvx2, CpuLevel::kAvx512),
                         [](const auto& level) { return std::string(cpu_level_name(level.param)); });

}  // namespace
}  // namespace orthant
