#include "index/matrix.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "index/kernels/dispatch.h"

namespace orthant {
namespace {

// Rows of a product that stay in the cache while all panels pass, and inner rows of a panel that stay while these rows pass.
constexpr std::size_t kBlockOfRows = 48;
constexpr std::size_t kBlockOfInner = 384;
// From a condition number of 1,000 the iteration needs some 20 steps; past this it does not converge.
constexpr int kPolarSteps = 40;
constexpr double kPolarTolerance = 1e-5;
constexpr int kLeadingSteps = 16;
// What is left of a row beside those before it is rounding when it is shorter than this share of the row.
constexpr double kRoundingShare = 1e-5;

std::size_t padded(std::size_t columns) {
  return (columns + kPanelColumns - 1) / kPanelColumns * kPanelColumns;
}

double squared_size(const Matrix& matrix) {
  double sum = 0;
  for (std::size_t row = 0; row < matrix.rows(); ++row) {
    for (float value : matrix.row_values(row)) sum += double{value} * value;
  }
  return sum;
}

double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * b[i];
  return sum;
}

// Makes rows orthonormal, each to those before it (Gram and Schmidt's way, twice, since once leaves what was rounded). A row that
// those before it span is drawn anew.
void orthonormalize_rows(Matrix& matrix, std::mt19937_64& random) {
  std::vector<float> along(matrix.rows());
  for (std::size_t row = 0; row < matrix.rows(); ++row) {
    const std::span<float> values = matrix.row_values(row);
    const double before = std::sqrt(dot(values, values));
    for (int pass = 0; pass < 2; ++pass) {
      distance_kernels().dot_f32_rows(matrix.row(row), matrix.row(0), matrix.stride(), row, along.data());
      for (std::size_t other = 0; other < row; ++other) {
        matrix_kernels().add_scaled(matrix.row(other), -along[other], matrix.stride(), matrix.row(row));
      }
    }
    const double length = std::sqrt(dot(values, values));
    if (length > kRoundingShare * before && std::isfinite(length)) {
      for (float& value : values) value = static_cast<float>(value / length);
      continue;
    }
    for (float& value : values) value = static_cast<float>(random() >> 40) - static_cast<float>(1 << 23);
    --row;
  }
}

}  // namespace

Matrix::Matrix(std::size_t rows, std::size_t columns)
    : rows_(rows), columns_(columns), stride_(padded(columns)), values_(rows * stride_) {}

Matrix identity(std::size_t size) {
  Matrix result(size, size);
  for (std::size_t i = 0; i < size; ++i) result.row(i)[i] = 1;
  return result;
}

Matrix copy_of(const Matrix& matrix) {
  Matrix result(matrix.rows(), matrix.columns());
  for (std::size_t row = 0; row < matrix.rows(); ++row) std::ranges::copy(matrix.row_values(row), result.row(row));
  return result;
}

Matrix transposed(const Matrix& matrix) {
  Matrix result(matrix.columns(), matrix.rows());
  for (std::size_t row = 0; row < matrix.rows(); ++row) {
    for (std::size_t column = 0; column < matrix.columns(); ++column) result.row(column)[row] = matrix.row(row)[column];
  }
  return result;
}

Matrix first_columns(const Matrix& matrix, std::size_t count) {
  Matrix result(matrix.rows(), count);
  for (std::size_t row = 0; row < matrix.rows(); ++row) std::ranges::copy(matrix.row_values(row).first(count), result.row(row));
  return result;
}

Panels::Panels(const Matrix& matrix)
    : rows_(matrix.rows()),
      columns_(matrix.columns()),
      panel_count_(matrix.stride() / kPanelColumns),
      values_(rows_ * matrix.stride()) {
  for (std::size_t row = 0; row < rows_; ++row) {
    for (std::size_t column = 0; column < matrix.columns(); ++column) {
      const std::size_t panel = column / kPanelColumns;
      values_[(panel * rows_ + row) * kPanelColumns + column % kPanelColumns] = matrix.row(row)[column];
    }
  }
}

Matrix Panels::matrix() const {
  Matrix result(rows_, columns_);
  for (std::size_t row = 0; row < rows_; ++row) {
    for (std::size_t column = 0; column < columns_; ++column) result.row(row)[column] = at(row, column);
  }
  return result;
}

void Panels::add_row(std::size_t row, float factor, float* out) const {
  matrix_kernels().multiply_add_row(&factor, values_.data() + row * kPanelColumns, rows_ * kPanelColumns, panel_count_, 1, out);
}

void Panels::multiply(const Matrix& left, std::size_t rows, Matrix& out, ThreadPool* pool) const {
  const MatrixKernels& kernels = matrix_kernels();
  parallel_for(pool, (rows + kBlockOfRows - 1) / kBlockOfRows, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t block = begin; block < end; ++block) {
      const std::size_t first = block * kBlockOfRows;
      const std::size_t count = std::min(kBlockOfRows, rows - first);
      std::fill_n(out.row(first), count * out.stride(), 0.0f);
      for (std::size_t inner = 0; inner < rows_; inner += kBlockOfInner) {
        const std::size_t steps = std::min(kBlockOfInner, rows_ - inner);
        const float* panels = values_.data() + inner * kPanelColumns;
        const std::size_t panel_stride = rows_ * kPanelColumns;
        if (count == 1) {
          kernels.multiply_add_row(left.row(first) + inner, panels, panel_stride, panel_count_, steps, out.row(first));
          continue;
        }
        for (std::size_t panel = 0; panel < panel_count_; ++panel) {
          kernels.multiply_add_panel(left.row(first) + inner, left.stride(), panels + panel * panel_stride, count, steps,
                                     out.row(first) + panel * kPanelColumns, out.stride());
        }
      }
    }
  });
}

Matrix product(const Matrix& left, const Matrix& right, ThreadPool* pool) {
  Matrix result(left.rows(), right.columns());
  Panels(right).multiply(left, left.rows(), result, pool);
  return result;
}

// X <- 1.5 X - 0.5 X X^T X. Singular values in (0, sqrt(3)) go to 1; dividing by a bound of the largest puts them there.
Matrix polar_factor(const Matrix& matrix, ThreadPool* pool) {
  const std::size_t size = matrix.rows();
  // The fourth root of the size of (A A^T): at least the largest singular value, and nearer to it than the size of A.
  const Matrix square = product(matrix, transposed(matrix), pool);
  const auto shrink = static_cast<float>(1 / std::sqrt(std::sqrt(squared_size(square))));
  Matrix current(size, size);
  for (std::size_t row = 0; row < size; ++row) {
    for (std::size_t i = 0; i < size; ++i) current.row(row)[i] = shrink * matrix.row(row)[i];
  }
  for (int step = 0; step < kPolarSteps; ++step) {
    Matrix factor = product(current, transposed(current), pool);
    double error = 0;
    for (std::size_t row = 0; row < size; ++row) {
      for (std::size_t i = 0; i < size; ++i) {
        const float unit = row == i ? 1.0f : 0.0f;
        error = std::max(error, std::fabs(double{factor.row(row)[i]} - unit));
        factor.row(row)[i] = 1.5f * unit - 0.5f * factor.row(row)[i];
      }
    }
    current = product(factor, current, pool);
    if (error < kPolarTolerance) break;
  }
  return current;
}

LeadingDirections leading_directions(const Matrix& moment, std::size_t count, std::uint64_t seed, ThreadPool* pool) {
  std::mt19937_64 random(seed);
  LeadingDirections leading = {Matrix(count, moment.rows()), {}};
  orthonormalize_rows(leading.rows, random);
  for (int step = 0; step < kLeadingSteps; ++step) {
    leading.rows = product(leading.rows, moment, pool);
    orthonormalize_rows(leading.rows, random);
  }
  const Matrix moved = product(leading.rows, moment, pool);
  for (std::size_t row = 0; row < count; ++row)
    leading.energies.push_back(dot(moved.row_values(row), leading.rows.row_values(row)));
  return leading;
}

float orthonormality_error(const Matrix& matrix, ThreadPool* pool) {
  const Matrix square = product(matrix, transposed(matrix), pool);
  float largest = 0;
  for (std::size_t row = 0; row < square.rows(); ++row) {
    for (std::size_t i = 0; i < square.columns(); ++i) {
      const float deviation = std::fabs(square.row(row)[i] - (row == i ? 1.0f : 0.0f));
      largest = deviation <= largest ? largest : deviation;  // a value that is not a number counts as the largest
    }
  }
  return largest;
}

}  // namespace orthant
