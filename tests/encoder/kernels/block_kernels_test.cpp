// Norms, gates and rotation at every level against double-precision references.

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "tests/encoder/kernels/kernel_levels.h"

namespace orthant {
namespace {

class BlockKernelsOfLevel : public test::KernelsOfLevel {};

struct NormReference {
  std::vector<double> values;
  double bound = 0;
};

NormReference reference_norm(NormKind kind, const std::vector<double>& sums, double epsilon) {
  const auto count = static_cast<double>(sums.size());
  double mean = 0;
  double largest = 0;
  for (const double sum : sums) {
    if (kind == NormKind::kLayer) mean += sum / count;
    largest = std::max(largest, std::abs(sum));
  }
  double variance = 0;
  for (const double sum : sums) variance += (sum - mean) * (sum - mean) / count;
  const double deviation = std::sqrt(variance + epsilon);
  NormReference reference;
  for (const double sum : sums) reference.values.push_back((sum - mean) / deviation);
  // The sums are rounded to floats before the mean is taken off: an error that the division by a small deviation magnifies.
  reference.bound = 8 * std::numeric_limits<float>::epsilon() * (1 + largest / deviation);
  return reference;
}

TEST_P(BlockKernelsOfLevel, NormalizeTheSumWithTheResidual) {
  for (const NormKind kind : {NormKind::kLayer, NormKind::kRootMeanSquare}) {
    for (std::size_t columns = 2; columns <= 70; ++columns) {
      const std::vector<float> input = random_floats(2 * columns, 3.0F);
      std::vector<float> residual = random_floats(2 * columns);
      const std::vector<float> kept = residual;
      const std::vector<float> gamma = random_floats(columns);
      const std::vector<float> beta = random_floats(columns);
      kernels_->norm({kind, 1e-6F, input.data(), residual.data(), nullptr, gamma.data(), beta.data(), 2, columns, residual.data()});
      for (std::size_t row = 0; row < 2; ++row) {
        std::vector<double> sums(columns);
        for (std::size_t i = 0; i < columns; ++i) sums[i] = static_cast<double>(input[row * columns + i]) + kept[row * columns + i];
        const NormReference reference = reference_norm(kind, sums, 1e-6);
        for (std::size_t i = 0; i < columns; ++i) {
          const double expected = reference.values[i] * gamma[i] + beta[i];
          ASSERT_NEAR(residual[row * columns + i], expected, reference.bound * (1 + std::abs(gamma[i]))) << columns << " columns";
        }
      }
    }
  }
}

TEST_P(BlockKernelsOfLevel, KeepTheSumBesideTheNormWhereAsked) {
  for (const std::size_t columns : {3U, 16U, 37U}) {
    const std::vector<float> input = random_floats(columns);
    std::vector<float> residual = random_floats(columns);
    const std::vector<float> kept = residual;
    const std::vector<float> gamma(columns, 1.0F);
    std::vector<float> output(columns);
    kernels_->norm({NormKind::kLayer, 1e-6F, input.data(), residual.data(), residual.data(), gamma.data(), nullptr, 1, columns,
                    output.data()});
    std::vector<float> alone(columns);
    kernels_->norm({NormKind::kLayer, 1e-6F, residual.data(), nullptr, nullptr, gamma.data(), nullptr, 1, columns, alone.data()});
    for (std::size_t i = 0; i < columns; ++i) EXPECT_EQ(residual[i], input[i] + kept[i]);
    EXPECT_EQ(output, alone);
  }
}

TEST_P(BlockKernelsOfLevel, GateTheSecondHalfOfRowsInPlace) {
  for (const Activation activation : {Activation::kGeluErf, Activation::kSilu}) {
    for (std::size_t columns = 1; columns <= 40; ++columns) {
      std::vector<float> values = random_floats(3 * 2 * columns, 2.0F);
      const std::vector<float> before = values;
      kernels_->gate(3, columns, activation, values.data());
      for (std::size_t row = 0; row < 3; ++row) {
        for (std::size_t i = 0; i < columns; ++i) {
          const float* halves = before.data() + row * 2 * columns;
          const double expected = test::reference_activation(activation, halves[i]) * halves[columns + i];
          ASSERT_NEAR(values[row * columns + i], expected, 1e-6 * (1 + std::abs(halves[i])) * (1 + std::abs(halves[columns + i])))
              << columns << " columns";
        }
      }
    }
  }
}

TEST_P(BlockKernelsOfLevel, TurnPairsOfEachHead) {
  for (const std::size_t half : {1U, 3U, 4U, 8U, 16U, 21U}) {
    const std::size_t head_dim = 2 * half + 3;
    std::vector<float> values = random_floats(2 * head_dim);
    const std::vector<float> before = values;
    const std::vector<float> angles = random_floats(half, 3.0F);
    std::vector<float> cosines;
    std::vector<float> sines;
    for (const float angle : angles) {
      cosines.push_back(std::cos(angle));
      sines.push_back(std::sin(angle));
    }
    kernels_->rotate({2, head_dim, 2 * half, cosines.data(), sines.data(), values.data()});
    for (std::size_t head = 0; head < 2; ++head) {
      const float* x = before.data() + head * head_dim;
      for (std::size_t i = 0; i < half; ++i) {
        ASSERT_NEAR(values[head * head_dim + i], x[i] * cosines[i] - x[half + i] * sines[i], 1e-6);
        ASSERT_NEAR(values[head * head_dim + half + i], x[half + i] * cosines[i] + x[i] * sines[i], 1e-6);
      }
      for (std::size_t i = 2 * half; i < head_dim; ++i) ASSERT_EQ(values[head * head_dim + i], x[i]);
    }
  }
}

ORTHANT_KERNEL_LEVELS(BlockKernelsOfLevel);

}  // namespace
}  // namespace orthant
