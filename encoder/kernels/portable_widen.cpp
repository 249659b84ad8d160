// Portable level: the reference.

#include "encoder/kernels/widen_kernels.h"

namespace orthant {
namespace {

float from_bits(std::uint32_t bits) {
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

void widen_bfloat16(std::size_t count, const std::uint16_t* from, float* to) {
  for (std::size_t i = 0; i < count; ++i) to[i] = from_bits(std::uint32_t{from[i]} << 16);
}

// Shifted into place, a half's exponent is 112 too small, which a product with 2^112 mends, subnormal numbers included.
void widen_float16(std::size_t count, const std::uint16_t* from, float* to) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t magnitude = from[i] & 0x7FFFU;
    const std::uint32_t sign = std::uint32_t{from[i]} >> 15 << 31;
    const float scaled = from_bits(magnitude << 13) * 0x1p112F;
    to[i] = magnitude >= 0x7C00U ? from_bits(sign | 0x7F800000U | magnitude << 13) : (sign != 0 ? -scaled : scaled);
  }
}

void widen_nf4(const Nf4Rows& rows) {
  const std::size_t row_bytes = (rows.width + 1) / 2;
  for (std::size_t row = 0; row < rows.rows; ++row) {
    const std::uint8_t* codes = rows.codes + row * row_bytes;
    float* to = rows.to + row * rows.width;
    for (std::size_t column = 0; column < rows.width; ++column) {
      const std::size_t code = column % 2 == 0 ? codes[column / 2] & 15U : codes[column / 2] >> 4U;
      to[column] = rows.values[code] * rows.scales[column];
    }
  }
}

}  // namespace

const WidenKernels kWidenKernelsPortable = {widen_bfloat16, widen_float16, widen_nf4};

}  // namespace orthant
