// Portable level: the reference.

#include "encoder/kernels/int4_kernels.h"

namespace orthant {
namespace {

constexpr std::size_t kPanelColumns = 16;

inline std::int32_t group_product(const Int4Product& product, const std::int8_t* a, const std::uint8_t* b) {
  std::int32_t sum = 0;
  for (std::size_t k = 0; k < product.group_size; k += 8) {
    for (std::size_t t = 0; t < 4; ++t) sum += a[k + t] * (b[t] & 15) + a[k + 4 + t] * (b[t] >> 4);
    b += kPanelColumns * 4;
  }
  return sum;
}

void multiply(const Int4Product& product) {
  const std::size_t groups = product.depth / product.group_size;
  for (std::size_t row = 0; row < product.rows; ++row) {
    const std::int8_t* a = product.a + row * product.depth;
    for (std::size_t column = 0; column < product.columns; ++column) {
      float total = 0;
      for (std::size_t group = 0; group < groups; ++group) {
        const std::uint8_t* b = product.b + group * product.group_size / 8 * kPanelColumns * 4 + column * 4;
        const std::int32_t sum = group_product(product, a + group * product.group_size, b);
        const float scale = product.scales[group * kPanelColumns + column];
        const float zero = scale * static_cast<float>(product.zero_points[group * kPanelColumns + column]);
        total += static_cast<float>(sum) * scale - zero * product.group_sums[row * groups + group];
      }
      product.c[row * product.c_stride + column] = total * product.steps[row] + product.bias[column];
    }
  }
}

}  // namespace

const Int4Kernels kInt4KernelsPortable = {kPanelColumns, multiply};

}  // namespace orthant
