#include "index/matrix.h"

#include <cmath>
#include <iostream>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "index/kernels/dispatch.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

Matrix random_matrix(std::size_t rows, std::size_t columns, std::mt19937_64& random) {
  std::normal_distribution<float> normal;
  Matrix matrix(rows, columns);
  for (std::size_t row = 0; row < rows; ++row) {
    for (float& value : matrix.row_values(row)) value = normal(random);
  }
  return matrix;
}

double dot(const Matrix& left, std::size_t row, const Matrix& right, std::size_t column) {
  double sum = 0;
  for (std::size_t k = 0; k < left.columns(); ++k) sum += double{left.row(row)[k]} * right.row(k)[column];
  return sum;
}

TEST(MatrixKernels, MultiplyAsPlainLoopsDoOnEveryLevel) {
  std::mt19937_64 random(test::random_seed());
  for (CpuLevel level : all_cpu_levels()) {
    if (!cpu_supports(level)) {
      std::cout << "skipped: this CPU has no " << cpu_level_name(level) << '\n';
      continue;
    }
    const MatrixKernels& kernels = matrix_kernels_of(level);
    for (std::size_t rows : {1u, 2u, 5u, 6u, 7u, 13u}) {
      for (std::size_t inner : {1u, 3u, 4u, 37u}) {
        const Matrix left = random_matrix(rows, inner, random);
        const Matrix panel = random_matrix(inner, kPanelColumns, random);
        Matrix out = random_matrix(rows, kPanelColumns, random);
        const Matrix before = copy_of(out);
        kernels.multiply_add_panel(left.row(0), left.stride(), panel.row(0), rows, inner, out.row(0), out.stride());
        for (std::size_t row = 0; row < rows; ++row) {
          for (std::size_t column = 0; column < kPanelColumns; ++column) {
            ASSERT_NEAR(out.row(row)[column], before.row(row)[column] + dot(left, row, panel, column), 1e-4);
          }
        }
      }
    }
    std::vector<float> sums(48, 1);
    kernels.add_scaled(std::vector<float>(48, 3).data(), -2, 48, sums.data());
    EXPECT_EQ(sums, std::vector<float>(48, -5));
  }
}

TEST(Panels, GiveTheirMatrixBackAndAddItsRows) {
  std::mt19937_64 random(test::random_seed());
  for (const std::size_t columns : {1u, 16u, 37u, 96u}) {
    const Matrix matrix = random_matrix(5, columns, random);
    const Panels panels(matrix);
    const Matrix again = panels.matrix();
    for (std::size_t row = 0; row < 5; ++row) {
      ASSERT_TRUE(std::ranges::equal(again.row_values(row), matrix.row_values(row)));
      std::vector<float> sums(panels.stride(), 3);
      panels.add_row(row, -2, sums.data());
      for (std::size_t i = 0; i < columns; ++i) {
        ASSERT_EQ(panels.at(row, i), matrix.row(row)[i]);
        ASSERT_NEAR(sums[i], 3 - 2 * matrix.row(row)[i], 1e-5);
      }
      ASSERT_TRUE(std::all_of(sums.begin() + static_cast<std::ptrdiff_t>(columns), sums.end(), [](float sum) { return sum == 3; }));
    }
  }
}

TEST(MatrixKernels, GiveARowTheSameBitsAloneAndAmongOthers) {
  std::mt19937_64 random(test::random_seed());
  constexpr std::size_t kRows = 8, kInner = 37, kPanels = 7, kStride = (kInner + 2) * kPanelColumns;
  for (CpuLevel level : all_cpu_levels()) {
    if (!cpu_supports(level)) continue;
    const MatrixKernels& kernels = matrix_kernels_of(level);
    const Matrix left = random_matrix(kRows, kInner, random);
    const Matrix panels = random_matrix(kPanels * (kInner + 2), kPanelColumns, random);
    Matrix together(kRows, kPanels * kPanelColumns);
    Matrix alone(kRows, kPanels * kPanelColumns);
    for (std::size_t panel = 0; panel < kPanels; ++panel) {
      kernels.multiply_add_panel(left.row(0), left.stride(), panels.row(0) + panel * kStride, kRows, kInner,
                                 together.row(0) + panel * kPanelColumns, together.stride());
    }
    for (std::size_t row = 0; row < kRows; ++row) {
      kernels.multiply_add_row(left.row(row), panels.row(0), kStride, kPanels, kInner, alone.row(row));
      ASSERT_TRUE(std::ranges::equal(alone.row_values(row), together.row_values(row))) << cpu_level_name(level) << ", row " << row;
    }
  }
}

TEST(Matrix, ProductsEqualPlainLoopsForAllShapesAndPools) {
  std::mt19937_64 random(test::random_seed());
  ThreadPool pool("test", 2, 16);
  for (std::size_t size : {1u, 5u, 16u, 17u, 100u, 450u}) {
    const Matrix left = random_matrix(size / 2 + 60, size, random);
    const Matrix right = random_matrix(size, size / 3 + 1, random);
    const Matrix alone = product(left, right, nullptr);
    const Matrix pooled = product(left, right, &pool);
    for (std::size_t row = 0; row < left.rows(); ++row) {
      for (std::size_t column = 0; column < right.columns(); ++column) {
        ASSERT_NEAR(alone.row(row)[column], dot(left, row, right, column), 1e-4 * static_cast<double>(size));
        ASSERT_EQ(alone.row(row)[column], pooled.row(row)[column]);
      }
    }
  }
}

TEST(Matrix, PolarFactorIsOrthonormalAndLeavesASymmetricPositiveRest) {
  std::mt19937_64 random(test::sample_seed());
  for (std::size_t size : {1u, 2u, 33u, 120u}) {
    Matrix matrix = random_matrix(size, size, random);
    for (std::size_t i = 0; i < size; ++i) matrix.row(i)[i] += 3 * std::sqrt(static_cast<float>(size));
    const Matrix polar = polar_factor(matrix, nullptr);
    EXPECT_LT(orthonormality_error(polar, nullptr), 1e-4f) << size;
    const Matrix rest = product(transposed(polar), matrix, nullptr);
    for (std::size_t row = 0; row < size; ++row) {
      EXPECT_GT(rest.row(row)[row], 0);
      for (std::size_t i = 0; i < row; ++i) ASSERT_NEAR(rest.row(row)[i], rest.row(i)[row], 1e-3 * static_cast<double>(size));
    }
  }
}

// A moment with known eigenvectors: the columns of a random orthonormal matrix.
TEST(Matrix, LeadingDirectionsCarryAsMuchAsTheLeadingEigenvectors) {
  std::mt19937_64 random(test::sample_seed());
  constexpr std::size_t kSize = 60;
  Matrix start = random_matrix(kSize, kSize, random);
  for (std::size_t i = 0; i < kSize; ++i) start.row(i)[i] += 3 * std::sqrt(static_cast<float>(kSize));
  const Matrix vectors = polar_factor(start, nullptr);
  Matrix scaled = copy_of(vectors);
  std::vector<double> eigenvalues(kSize);
  for (std::size_t i = 0; i < kSize; ++i) {
    eigenvalues[i] = i < 40 ? std::pow(0.9, static_cast<double>(i)) : 0.0;  // it does not span the space
    for (float& value : scaled.row_values(i)) value *= static_cast<float>(eigenvalues[i]);
  }
  const Matrix moment = product(transposed(vectors), scaled, nullptr);
  for (std::size_t count : {10u, 20u, 50u}) {
    const LeadingDirections leading = leading_directions(moment, count, 5, nullptr);
    EXPECT_LT(orthonormality_error(leading.rows, nullptr), 1e-4f) << count;
    double carried = 0, most = 0;
    for (std::size_t i = 0; i < count; ++i) {
      carried += leading.energies[i];
      most += eigenvalues[i];
    }
    EXPECT_NEAR(carried, most, 0.08 * most) << count;
  }
}

}  // namespace
}  // namespace orthant
