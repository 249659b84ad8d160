#pragma once
// Weights stored in fewer bits than they are multiplied in, made float32 a panel at a time on their way to gemm, one table a CPU
// level. Results are the same to the bit at every level. All functions may be called from any thread.

#include <cstddef>
#include <cstdint>

namespace orthant {

// Rows of NF4 codes of one panel: row-major, two codes a byte (the even column in the low nibble), (width + 1) / 2 bytes a row.
struct Nf4Rows {
  std::size_t rows;
  std::size_t width;
  const std::uint8_t* codes;
  const float* values;  // the 16 of NF4, ascending
  const float* scales;  // one a column
  float* to;            // rows x width
};

struct WidenKernels {
  void (*bfloat16)(std::size_t count, const std::uint16_t* from, float* to);
  void (*float16)(std::size_t count, const std::uint16_t* from, float* to);
  void (*nf4)(const Nf4Rows& rows);
};

extern const WidenKernels kWidenKernelsPortable;
extern const WidenKernels kWidenKernelsAvx2;
extern const WidenKernels kWidenKernelsAvx512;

}  // namespace orthant
