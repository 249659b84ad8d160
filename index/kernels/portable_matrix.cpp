// The reference for every faster level.

#include "index/kernels/matrix_kernels.h"

namespace orthant {
namespace {

void multiply_add_panel(const float* left, std::size_t left_stride, const float* panel, std::size_t rows, std::size_t inner,
                        float* out, std::size_t out_stride) {
  for (std::size_t row = 0; row < rows; ++row) {
    float sums[kPanelColumns] = {};
    for (std::size_t k = 0; k < inner; ++k) {
      const float value = left[row * left_stride + k];
      for (std::size_t column = 0; column < kPanelColumns; ++column) sums[column] += value * panel[k * kPanelColumns + column];
    }
    for (std::size_t column = 0; column < kPanelColumns; ++column) out[row * out_stride + column] += sums[column];
  }
}

void multiply_add_row(const float* left, const float* panels, std::size_t panel_stride, std::size_t panel_count, std::size_t inner,
                      float* out) {
  for (std::size_t panel = 0; panel < panel_count; ++panel) {
    multiply_add_panel(left, 0, panels + panel * panel_stride, 1, inner, out + panel * kPanelColumns, 0);
  }
}

void add_scaled(const float* values, float factor, std::size_t count, float* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] += factor * values[i];
}

}  // namespace

extern const MatrixKernels kPortableMatrixKernels = {multiply_add_panel, multiply_add_row, add_scaled};

}  // namespace orthant
