#pragma once
// Products of bfloat16 values with float32 sums, for CPUs that multiply them (AVX512_BF16: twice the rate of float32). Activations
// are rounded to bfloat16, ties to even. Other CPUs widen the weights instead (widen_kernels.h) and keep the activations in
// float32. All functions may be called from any thread.

#include <cstddef>
#include <cstdint>

namespace orthant {

// One panel of weights: c = a b + bias.
struct Bfloat16Product {
  std::size_t rows;
  std::size_t depth;       // even
  std::size_t columns;     // written, at most panel_columns
  const std::uint16_t* a;  // rows x depth
  const std::uint16_t* b;  // depth / 2 x panel_columns x 2: two consecutive depths of a column together
  const float* bias;       // panel_columns
  float* c;                // rows x columns
  std::size_t c_stride;
};

struct Bfloat16Kernels {
  std::size_t panel_columns;
  void (*round_row)(std::size_t count, const float* from, std::uint16_t* to);
  void (*multiply)(const Bfloat16Product& product);
};

extern const Bfloat16Kernels kBfloat16KernelsAvx512;

}  // namespace orthant
