#include "encoder/quantize/cholesky.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace orthant {
namespace {

constexpr std::size_t kBlock = 64;
constexpr std::size_t kTileRows = 4;
constexpr std::size_t kTileColumns = 4;

// c -= a b for one tile of c; a's row r is a + r * stride.
void subtract_tile(std::size_t depth, const double* a, std::size_t a_stride, const double* b, std::size_t b_stride, double* c,
                   std::size_t c_stride) {
  double sums[kTileRows][kTileColumns] = {};
  for (std::size_t k = 0; k < depth; ++k, b += b_stride) {
    for (std::size_t row = 0; row < kTileRows; ++row) {
      for (std::size_t column = 0; column < kTileColumns; ++column) sums[row][column] += a[row * a_stride + k] * b[column];
    }
  }
  for (std::size_t row = 0; row < kTileRows; ++row) {
    for (std::size_t column = 0; column < kTileColumns; ++column) c[row * c_stride + column] -= sums[row][column];
  }
}

// c -= a b: a is rows x depth, b depth x columns, row-major with strides.
void subtract_product(std::size_t rows, std::size_t columns, std::size_t depth, const double* a, std::size_t a_stride,
                      const double* b, std::size_t b_stride, double* c, std::size_t c_stride) {
  const std::size_t whole_columns = columns / kTileColumns * kTileColumns;
  const std::size_t whole_rows = rows / kTileRows * kTileRows;
  for (std::size_t column = 0; column < whole_columns; column += kTileColumns) {
    for (std::size_t row = 0; row < whole_rows; row += kTileRows) {
      subtract_tile(depth, a + row * a_stride, a_stride, b + column, b_stride, c + row * c_stride + column, c_stride);
    }
  }
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t column = row < whole_rows ? whole_columns : 0; column < columns; ++column) {
      double sum = 0;
      for (std::size_t k = 0; k < depth; ++k) sum += a[row * a_stride + k] * b[k * b_stride + column];
      c[row * c_stride + column] -= sum;
    }
  }
}

class LowerFactor {
 public:
  LowerFactor(double* values, std::size_t n) : values_(values), n_(n) {}

  // matrix = L L^T in place (lower triangle), block column after block column.
  Status factorize() {
    std::vector<double> transposed;
    for (std::size_t start = 0; start < n_; start += kBlock) {
      const std::size_t end = std::min(n_, start + kBlock);
      ORTHANT_TRY(factorize_block(start, end));
      for (std::size_t row = end; row < n_; ++row) solve_row(row, start, end);
      transposed.resize((end - start) * (n_ - end));
      for (std::size_t row = end; row < n_; ++row) {
        for (std::size_t k = start; k < end; ++k) transposed[(k - start) * (n_ - end) + row - end] = at(row, k);
      }
      // Only the lower triangle is needed: each block of rows goes up to its own end.
      for (std::size_t row = end; row < n_; row += kBlock) {
        const std::size_t last = std::min(n_, row + kBlock);
        subtract_product(last - row, last - end, end - start, &at(row, start), n_, transposed.data(), n_ - end, &at(row, end), n_);
      }
    }
    return {};
  }

  // L becomes its own inverse (lower triangle), block row after block row.
  void invert() {
    for (std::size_t start = 0; start < n_; start += kBlock) {
      const std::size_t end = std::min(n_, start + kBlock);
      std::vector<double> row_block((end - start) * start);
      for (std::size_t column = 0; column < start; column += kBlock) {
        subtract_product(end - start, kBlock, start - column, &at(start, column), n_, &at(column, column), n_, &row_block[column],
                         start);
      }
      invert_block(start, end);
      for (std::size_t row = start; row < end; ++row) std::fill_n(&at(row, 0), start, 0.0);
      for (double& value : row_block) value = -value;
      subtract_product(end - start, start, end - start, &at(start, start), n_, row_block.data(), start, &at(start, 0), n_);
    }
  }

 private:
  double& at(std::size_t row, std::size_t column) { return values_[row * n_ + column]; }

  Status factorize_block(std::size_t start, std::size_t end) {
    for (std::size_t column = start; column < end; ++column) {
      double pivot = at(column, column);
      for (std::size_t k = start; k < column; ++k) pivot -= at(column, k) * at(column, k);
      if (!(pivot > 0)) return invalid_argument(fmt::format("the matrix is not positive definite (row {} of {})", column, n_));
      at(column, column) = std::sqrt(pivot);
      for (std::size_t row = column + 1; row < end; ++row) {
        double sum = at(row, column);
        for (std::size_t k = start; k < column; ++k) sum -= at(row, k) * at(column, k);
        at(row, column) = sum / at(column, column);
      }
    }
    return {};
  }

  void solve_row(std::size_t row, std::size_t start, std::size_t end) {
    for (std::size_t column = start; column < end; ++column) {
      double sum = at(row, column);
      for (std::size_t k = start; k < column; ++k) sum -= at(row, k) * at(column, k);
      at(row, column) = sum / at(column, column);
    }
  }

  // The diagonal block, its upper triangle set to zero.
  void invert_block(std::size_t start, std::size_t end) {
    for (std::size_t row = start; row < end; ++row) {
      const double diagonal = 1.0 / at(row, row);
      for (std::size_t column = start; column < row; ++column) {
        double sum = 0;
        for (std::size_t k = column; k < row; ++k) sum += at(row, k) * at(k, column);
        scratch_[column - start] = -sum * diagonal;
      }
      std::copy_n(scratch_, row - start, &at(row, start));
      at(row, row) = diagonal;
      std::fill(&at(row, row) + 1, &at(row, start) + (end - start), 0.0);
    }
  }

  double* values_;
  std::size_t n_;
  double scratch_[kBlock] = {};
};

}  // namespace

Result<std::vector<double>> inverse_factor(std::vector<double> matrix, std::size_t n) {
  // In reverse order, the lower triangle becomes the upper one: mirror it first.
  for (std::size_t row = 0; row < n; ++row) {
    for (std::size_t column = row + 1; column < n; ++column) matrix[row * n + column] = matrix[column * n + row];
  }
  std::reverse(matrix.begin(), matrix.end());
  LowerFactor factor(matrix.data(), n);
  ORTHANT_TRY(factor.factorize());
  for (std::size_t row = 0; row < n; ++row)
    std::fill_n(matrix.begin() + static_cast<std::ptrdiff_t>(row * n + row + 1), n - row - 1, 0.0);
  factor.invert();
  std::reverse(matrix.begin(), matrix.end());
  return matrix;
}

}  // namespace orthant
