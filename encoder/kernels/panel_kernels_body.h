// The product by one panel of float weights. Included by each per-level file after float_kernels_body.h; hence neither include
// guard nor includes.

#include "encoder/kernels/row_tiles.h"

#include "encoder/kernels/panel_ahead.h"

alignas(64) constexpr float kZeros[kPanelColumns] = {};

template <std::size_t kRows, bool kNear>
inline void panel_tile(const PanelProduct& product, std::size_t first_row, PanelAhead ahead) {
  float* c = product.c + first_row * product.c_stride;
  fetch_output<kRows>(c, product.c_stride);
  const float* start = product.activation == Activation::kNone ? product.bias : kZeros;
  Vec sums[kRows][kTileVectors];
  ORTHANT_UNROLL
  for (std::size_t v = 0; v < kTileVectors; ++v) {
    ORTHANT_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) sums[r][v] = v_load(start + v * kWidth);
  }
  // Rows 0 to 3 and 4 to 7 of a are reached from two pointers: see gemm_tile.
  const std::size_t stride = product.a_stride;
  const float* low = product.a + first_row * stride;
  const float* high = kRows > 4 ? low + 4 * stride : low;
  const float* b = product.b;
  const float* const end = b + product.depth * kPanelColumns;
  while (b != end) {
    ahead.fetch();
    const std::size_t left = static_cast<std::size_t>(end - b) / kPanelColumns;
    const float* const segment = b + (left < kSegmentSteps ? left : kSegmentSteps) * kPanelColumns;
    // One step a turn: unrolled by the compiler, steps mix and spill sums.
    do {
      if (kNear) fetch_near(b);
      Vec weights[kTileVectors];
      ORTHANT_UNROLL
      for (std::size_t v = 0; v < kTileVectors; ++v) weights[v] = v_load(b + v * kWidth);
      ORTHANT_UNROLL
      for (std::size_t r = 0; r < kRows; ++r) {
        const Vec factor = v_set(r < 4 ? low[r * stride] : high[(r - 4) * stride]);
        ORTHANT_UNROLL
        for (std::size_t v = 0; v < kTileVectors; ++v) sums[r][v] = v_fma(factor, weights[v], sums[r][v]);
      }
      ++low;
      ++high;
      b += kPanelColumns;
      __asm__("" : "+r"(low), "+r"(high), "+r"(b));
    } while (b != segment);
  }
  ORTHANT_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    ORTHANT_UNROLL
    for (std::size_t v = 0; v < kTileVectors; ++v) v_store(c + r * product.c_stride + v * kWidth, sums[r][v]);
  }
  if (product.activation == Activation::kNone) return;
  bias_activation(kRows, kPanelColumns, product.bias, product.activation, c, product.c_stride);
}

void multiply_panel(const PanelProduct& product) {
  multiply_rows_ahead([](const PanelProduct& whole, std::size_t first, auto rows, auto near,
                         PanelAhead ahead) { panel_tile<rows(), near()>(whole, first, ahead); },
                      product, product.depth);
}
