// The float kernels of every level against double-precision references.

#include "encoder/kernels/float_kernels.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "tests/encoder/kernels/kernel_levels.h"

namespace orthant {
namespace {

class FloatKernelsOfLevel : public test::KernelsOfLevel {};

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
            const double expected = test::dot(a.data() + row * (depth + 3), b.data() + column, depth, columns + 5);
            ASSERT_NEAR(c[row * (columns + 2) + column], expected, 1e-5 * std::sqrt(static_cast<double>(depth)) * 4)
                << rows << " x " << depth << " x " << columns << " at " << row << ", " << column;
          }
          ASSERT_EQ(c[row * (columns + 2) + columns], 77.0F) << "wrote past the row";
        }
      }
    }
  }
}

TEST_P(FloatKernelsOfLevel, MultiplyWholePanels) {
  const std::size_t columns = kernels_->panel_columns;
  for (const std::size_t depth : {1U, 5U, 31U, 32U, 33U, 64U, 129U}) {
    for (std::size_t rows = 1; rows <= 40; ++rows) {
      const Activation activation = rows % 2 == 0 ? Activation::kNone : Activation::kGeluErf;
      const std::vector<float> a = random_floats(rows * (depth + 3));
      const std::vector<float> b = random_floats(depth * columns);
      const std::vector<float> bias = random_floats(columns);
      std::vector<float> c(rows * (columns + 2), 77.0F);
      kernels_->multiply_panel(
          {rows, depth, a.data(), depth + 3, b.data(), b.data() + b.size(), bias.data(), activation, c.data(), columns + 2});
      for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t column = 0; column < columns; ++column) {
          const double sum = test::dot(a.data() + row * (depth + 3), b.data() + column, depth, columns) + bias[column];
          ASSERT_NEAR(c[row * (columns + 2) + column], test::reference_activation(activation, sum),
                      1e-5 * std::sqrt(static_cast<double>(depth)) * 4)
              << rows << " x " << depth << " at " << row << ", " << column;
        }
        ASSERT_EQ(c[row * (columns + 2) + columns], 77.0F) << "wrote past the row";
      }
    }
  }
}

// A text alone and in a batch: tiles of any height sum in the same order.
TEST_P(FloatKernelsOfLevel, GiveARowTheSameBitsWhateverStandsAboutIt) {
  const std::size_t columns = kernels_->panel_columns;
  constexpr std::size_t kDepth = 70;
  constexpr std::size_t kRows = 61;
  const std::vector<float> a = random_floats(kRows * kDepth);
  const std::vector<float> b = random_floats(kDepth * columns);
  const std::vector<float> bias = random_floats(columns);
  const auto product = [&](std::size_t first, std::size_t rows) {
    std::vector<float> c(rows * columns);
    kernels_->multiply_panel(
        {rows, kDepth, a.data() + first * kDepth, kDepth, b.data(), b.data(), bias.data(), Activation::kNone, c.data(), columns});
    return c;
  };
  const std::vector<float> whole = product(0, kRows);
  for (std::size_t row = 0; row < kRows; ++row) {
    const std::vector<float> alone = product(row, 1);
    for (std::size_t i = 0; i < columns; ++i) ASSERT_EQ(alone[i], whole[row * columns + i]) << "row " << row << ", column " << i;
  }
}

TEST_P(FloatKernelsOfLevel, ActivateOverTheWholeRange) {
  for (const Activation activation :
       {Activation::kNone, Activation::kGeluErf, Activation::kGeluTanh, Activation::kRelu, Activation::kTanh, Activation::kSilu}) {
    std::vector<float> inputs;
    for (int i = -30000; i <= 30000; ++i) inputs.push_back(static_cast<float>(i) * 0.001F);
    for (const float far : {-1e4F, -200.0F, 200.0F, 1e4F, 0.0F, -0.0F, 1e-30F, -1e-30F}) inputs.push_back(far);
    std::vector<float> values = inputs;
    const std::vector<float> bias(values.size(), 0.0F);
    kernels_->bias_activation(1, values.size(), bias.data(), activation, values.data(), values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double x = inputs[i];
      ASSERT_NEAR(values[i], test::reference_activation(activation, x), 5e-7 * std::max(1.0, std::abs(x)))
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

ORTHANT_KERNEL_LEVELS(FloatKernelsOfLevel);

}  // namespace
}  // namespace orthant
