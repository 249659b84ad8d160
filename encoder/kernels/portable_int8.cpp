// Portable level: the reference. Four rows share each weight that is read.

#include "encoder/kernels/int8_kernels.h"
#include "encoder/kernels/unroll.h"

namespace orthant {
namespace {

#include "encoder/kernels/portable_vec.h"

#include "encoder/kernels/quantize_rows_body.h"

constexpr std::size_t kTileRows = 4;
constexpr std::size_t kPanelColumns = 16;

template <std::size_t kRows>
inline void multiply_tile(const Int8Product& product, std::size_t first_row) {
  std::int32_t sums[kRows][kPanelColumns];
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t column = 0; column < kPanelColumns; ++column) sums[r][column] = product.start[column];
  }
  const std::uint8_t* a = product.a + first_row * product.depth;
  for (std::size_t k = 0; k < product.depth; k += 4) {
    const std::int8_t* b = product.b + k * kPanelColumns;
    for (std::size_t column = 0; column < kPanelColumns; ++column, b += 4) {
      for (std::size_t r = 0; r < kRows; ++r) {
        const std::uint8_t* codes = a + r * product.depth + k;
        sums[r][column] += codes[0] * b[0] + codes[1] * b[1] + codes[2] * b[2] + codes[3] * b[3];
      }
    }
  }
  for (std::size_t r = 0; r < kRows; ++r) {
    float* c = product.c + (first_row + r) * product.c_stride;
    for (std::size_t column = 0; column < product.columns; ++column) {
      const float scale = product.scales[column] * product.steps[first_row + r];
      c[column] = static_cast<float>(sums[r][column]) * scale + product.bias[column];
    }
  }
}

#include "encoder/kernels/row_tiles.h"

void multiply(const Int8Product& product) {
  multiply_rows([](const Int8Product& whole, std::size_t first, auto rows) { multiply_tile<rows()>(whole, first); }, product);
}

// sum + products of both halves.
inline IntVec i_add_pairs(IntVec sum, IntVec a, IntVec b) {
  return sum + ((a << 16) >> 16) * ((b << 16) >> 16) + (a >> 16) * (b >> 16);
}

// Of the weighted sums of values.
constexpr std::size_t kPairRows = 4;
constexpr std::size_t kPairVectors = 2;

#include "encoder/kernels/integer_attention_body.h"

}  // namespace

const Int8Kernels kInt8KernelsPortable = {kPanelColumns, quantize_rows, multiply, multiply, attention};

}  // namespace orthant
