#pragma once
// Matrix: a dense float matrix in memory, row-major, rows padded with zeros to a multiple of 16 columns; and the few operations
// that rotations need. Panels: a matrix in the order in which products read it (kernels/matrix_kernels.h). Values, read-only once
// made; free functions, any thread. Results do not depend on the number of threads.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned_array.h"
#include "base/thread_pool.h"

namespace orthant {

class Matrix {
 public:
  Matrix() = default;
  Matrix(std::size_t rows, std::size_t columns);

  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  std::size_t stride() const { return stride_; }
  float* row(std::size_t row) { return values_.data() + row * stride_; }
  const float* row(std::size_t row) const { return values_.data() + row * stride_; }
  std::span<float> row_values(std::size_t row_number) { return {row(row_number), columns_}; }
  std::span<const float> row_values(std::size_t row_number) const { return {row(row_number), columns_}; }

 private:
  std::size_t rows_ = 0;
  std::size_t columns_ = 0;
  std::size_t stride_ = 0;
  AlignedArray<float> values_;
};

Matrix identity(std::size_t size);
Matrix copy_of(const Matrix& matrix);
Matrix transposed(const Matrix& matrix);
Matrix first_columns(const Matrix& matrix, std::size_t count);

class Panels {
 public:
  Panels() = default;
  explicit Panels(const Matrix& matrix);
  std::size_t rows() const { return rows_; }
  std::size_t stride() const { return panel_count_ * 16; }
  // The matrix that they were made of.
  Matrix matrix() const;
  float at(std::size_t row, std::size_t column) const { return values_[(column / 16 * rows_ + row) * 16 + column % 16]; }
  // out[i] += factor * the matrix's value i of the row, for all stride() of them.
  void add_row(std::size_t row, float factor, float* out) const;

  // The first `rows` rows of `out` become those of `left` times this matrix. `left` has rows() columns, `out` this stride.
  void multiply(const Matrix& left, std::size_t rows, Matrix& out, ThreadPool* pool = nullptr) const;

 private:
  std::size_t rows_ = 0;
  std::size_t columns_ = 0;
  std::size_t panel_count_ = 0;
  AlignedArray<float> values_;
};

Matrix product(const Matrix& left, const Matrix& right, ThreadPool* pool);

// The orthonormal matrix next to a square one, by Newton and Schulz's iteration (Higham, Functions of Matrices, 2008, chapter 8):
// only products. `matrix` must not be singular; the result's rows are orthonormal to some 1e-5 when it is not nearly so.
Matrix polar_factor(const Matrix& matrix, ThreadPool* pool);

// Orthonormal directions that carry about the most energy, the most first.
struct LeadingDirections {
  Matrix rows;                   // a direction a row
  std::vector<double> energies;  // along each
};
// Of a second moment (symmetric, no negative eigenvalues), by orthogonal iteration (Golub & Van Loan, Matrix Computations, 8.2)
// from a random start. Neighbouring eigenvectors may come out mixed, which changes little of what all carry together.
LeadingDirections leading_directions(const Matrix& moment, std::size_t count, std::uint64_t seed, ThreadPool* pool);

// The largest deviation of matrix * transposed(matrix) from the identity.
float orthonormality_error(const Matrix& matrix, ThreadPool* pool);

}  // namespace orthant
