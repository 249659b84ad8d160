#pragma once
// The one factorization that GPTQ needs, in double precision and in blocks that stay in cache. Written here because a BLAS is a
// large thing to carry for one function; some 8 GFLOP/s on one Zen 4 core with nothing but SSE2.

#include <cstddef>
#include <vector>

#include "base/result.h"

namespace orthant {

// The upper triangular U with U^T U = inverse of `matrix` (n x n, row-major, symmetric; the lower triangle is read). Row j of U
// tells how the error of column j is carried to the columns after it. invalid_argument when the matrix is not positive definite.
// Takes n^3 / 3 multiplications. Found without inverting: the matrix in reverse order is L L^T, and U is the inverse of L, in
// reverse order again.
Result<std::vector<double>> inverse_factor(std::vector<double> matrix, std::size_t n);

}  // namespace orthant
