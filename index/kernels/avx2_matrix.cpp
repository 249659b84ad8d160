// Matrix kernels for AVX2 and FMA. A tile of 6 rows x 16 columns keeps 12 sums in registers: two loads of the panel and six
// broadcasts feed 12 multiply-adds. A row alone (a query) passes four panels at a time, else it would wait for the latency of its
// two sums.

#include <immintrin.h>

#include "index/kernels/matrix_kernels.h"

namespace orthant {
namespace {

constexpr std::size_t kTileRows = 6;

void add_to(float* out, __m256 first, __m256 second) {
  _mm256_storeu_ps(out, _mm256_add_ps(_mm256_loadu_ps(out), first));
  _mm256_storeu_ps(out + 8, _mm256_add_ps(_mm256_loadu_ps(out + 8), second));
}

// Rows are named one by one: GCC 12 keeps an array of sums in memory.
struct RowSums {
  __m256 low = _mm256_setzero_ps();
  __m256 high = _mm256_setzero_ps();
};

void step(RowSums& sums, const float* value, __m256 low, __m256 high) {
  const __m256 values = _mm256_broadcast_ss(value);
  sums.low = _mm256_fmadd_ps(values, low, sums.low);
  sums.high = _mm256_fmadd_ps(values, high, sums.high);
}

void multiply_six(const float* left, std::size_t left_stride, const float* panel, std::size_t inner, float* out,
                  std::size_t out_stride) {
  RowSums row0, row1, row2, row3, row4, row5;
  const float* upper = left;
  const float* lower = left + 3 * left_stride;
  for (std::size_t k = 0; k < inner; ++k) {
    const __m256 low = _mm256_loadu_ps(panel + k * kPanelColumns);
    const __m256 high = _mm256_loadu_ps(panel + k * kPanelColumns + 8);
    step(row0, upper + k, low, high);
    step(row1, upper + left_stride + k, low, high);
    step(row2, upper + 2 * left_stride + k, low, high);
    step(row3, lower + k, low, high);
    step(row4, lower + left_stride + k, low, high);
    step(row5, lower + 2 * left_stride + k, low, high);
  }
  add_to(out, row0.low, row0.high);
  add_to(out + out_stride, row1.low, row1.high);
  add_to(out + 2 * out_stride, row2.low, row2.high);
  add_to(out + 3 * out_stride, row3.low, row3.high);
  add_to(out + 4 * out_stride, row4.low, row4.high);
  add_to(out + 5 * out_stride, row5.low, row5.high);
}

void multiply_single(const float* left, const float* panel, std::size_t inner, float* out) {
  RowSums sums;
  for (std::size_t k = 0; k < inner; ++k) {
    const float* columns = panel + k * kPanelColumns;
    step(sums, left + k, _mm256_loadu_ps(columns), _mm256_loadu_ps(columns + 8));
  }
  add_to(out, sums.low, sums.high);
}

void multiply_four_panels(const float* left, const float* panels, std::size_t panel_stride, std::size_t inner, float* out) {
  RowSums sums0, sums1, sums2, sums3;
  const auto add = [&](RowSums& sums, std::size_t k, std::size_t panel) {
    const float* columns = panels + panel * panel_stride + k * kPanelColumns;
    step(sums, left + k, _mm256_loadu_ps(columns), _mm256_loadu_ps(columns + 8));
  };
  for (std::size_t k = 0; k < inner; ++k) {
    add(sums0, k, 0);
    add(sums1, k, 1);
    add(sums2, k, 2);
    add(sums3, k, 3);
  }
  add_to(out, sums0.low, sums0.high);
  add_to(out + kPanelColumns, sums1.low, sums1.high);
  add_to(out + 2 * kPanelColumns, sums2.low, sums2.high);
  add_to(out + 3 * kPanelColumns, sums3.low, sums3.high);
}

void multiply_add_panel(const float* left, std::size_t left_stride, const float* panel, std::size_t rows, std::size_t inner,
                        float* out, std::size_t out_stride) {
  std::size_t row = 0;
  for (; row + kTileRows <= rows; row += kTileRows) {
    multiply_six(left + row * left_stride, left_stride, panel, inner, out + row * out_stride, out_stride);
  }
  for (; row < rows; ++row) multiply_single(left + row * left_stride, panel, inner, out + row * out_stride);
}

void multiply_add_row(const float* left, const float* panels, std::size_t panel_stride, std::size_t panel_count, std::size_t inner,
                      float* out) {
  std::size_t panel = 0;
  for (; panel + 4 <= panel_count; panel += 4) {
    multiply_four_panels(left, panels + panel * panel_stride, panel_stride, inner, out + panel * kPanelColumns);
  }
  for (; panel < panel_count; ++panel) multiply_single(left, panels + panel * panel_stride, inner, out + panel * kPanelColumns);
}

void add_scaled(const float* values, float factor, std::size_t count, float* out) {
  const __m256 factors = _mm256_set1_ps(factor);
  for (std::size_t i = 0; i < count; i += 8) {
    _mm256_storeu_ps(out + i, _mm256_fmadd_ps(factors, _mm256_loadu_ps(values + i), _mm256_loadu_ps(out + i)));
  }
}

}  // namespace

extern const MatrixKernels kAvx2MatrixKernels = {multiply_add_panel, multiply_add_row, add_scaled};

}  // namespace orthant
