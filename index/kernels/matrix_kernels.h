#pragma once
// MatrixKernels: products of dense float matrices, for rotations: a table of function pointers, a file a CPU level. Float sums
// differ between levels by rounding only; on one level each is taken in the order of k, so that a row comes out the same alone and
// among others. Pure functions; any thread.
//
// The right-hand matrix is cut into panels of 16 columns, each stored row by row (row k of a panel is 16 floats at panel + 16 * k),
// so that a tile of the result reads memory in order. Panels start on a cache line.
//
// This header is included by files compiled for one level: it may include integer headers only.

#include <cstddef>

namespace orthant {

inline constexpr std::size_t kPanelColumns = 16;

struct MatrixKernels {
  // out[r * out_stride + c] += sum over k < inner of left[r * left_stride + k] * panel[16 * k + c], for r < rows and all 16
  // columns.
  void (*multiply_add_panel)(const float* left, std::size_t left_stride, const float* panel, std::size_t rows, std::size_t inner,
                             float* out, std::size_t out_stride);
  // The same for one row and `panel_count` panels, `panel_stride` floats apart: their sums run side by side, where one panel alone
  // would wait for the latency of its sums.
  void (*multiply_add_row)(const float* left, const float* panels, std::size_t panel_stride, std::size_t panel_count,
                           std::size_t inner, float* out);
  // out[i] += factor * values[i]. `count` is a multiple of 16.
  void (*add_scaled)(const float* values, float factor, std::size_t count, float* out);
};

// One table a level, in the file of that level; levels without one are served by the next lower.
extern const MatrixKernels kPortableMatrixKernels;
extern const MatrixKernels kAvx2MatrixKernels;

}  // namespace orthant
