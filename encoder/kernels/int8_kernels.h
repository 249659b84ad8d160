#pragma once
// Integer kernels of the transformer, one table a CPU level: activations are quantized to 7 bits a row at a time and multiplied by
// 8-bit weights. Sums are exact int32 at every level, and the quantization of a row rounds alike everywhere, so that levels differ
// only by the float rounding of the last step. All functions may be called from any thread.
//
// Identity: with a = code + 64 (u8, 1 to 127), sum(code w) = sum(a w) - 64 sum(w); the last term is a constant of the column and
// the start value of the sum.
// Exactness: VNNI adds four u8 x s8 products to 32 bits without saturation. AVX2 adds pairs in 16 bits (VPMADDUBSW), and multiply()
// adds two such sums before it widens: right as long as the codes keep within_pair_sums() (int8_range.h). multiply_wide() widens
// each: 2 x 127 x 127 = 32,258 never saturates. Where a level has no need for the difference, both are the same function.

#include <cstddef>
#include <cstdint>

#include "encoder/kernels/attention_head.h"

namespace orthant {

// Largest code of an activation, and what is added to make it unsigned.
inline constexpr int kActivationLimit = 63;
inline constexpr int kActivationOffset = 64;
// Depths are padded to a multiple of this with zero weights.
inline constexpr std::size_t kInt8DepthStep = 8;
// Heads of other sizes attend in floats.
inline constexpr std::size_t kIntegerAttentionStep = 16;

// Rows of floats to codes: x' = H(x * factors) as in linear_weights.h, code = round(x' / step), ties to even.
struct RowQuantization {
  std::size_t rows;
  std::size_t inputs;
  std::size_t padded_inputs;   // bytes of a row of codes; what lies past `inputs` becomes `offset`
  const float* input;          // rows x inputs
  const float* factors;        // inputs
  std::size_t rotation_block;  // 0: none
  float static_step;           // 0: largest |x'| of the row / limit
  int limit;                   // codes are clamped to -limit to limit
  int offset;                  // added to each code
  float* scratch;              // inputs floats, 64-byte aligned
  std::uint8_t* codes;         // rows x padded_inputs
  float* steps;                // rows
};

// One panel of weights: c = (a b) * steps * scales + bias.
struct Int8Product {
  std::size_t rows;
  std::size_t depth;          // multiple of kInt8DepthStep
  std::size_t columns;        // written, at most panel_columns
  const std::uint8_t* a;      // rows x depth codes + kActivationOffset
  const float* steps;         // one a row
  const std::int8_t* b;       // depth / 4 x panel_columns x 4: four consecutive depths of a column together
  const std::int8_t* next;    // fetched meanwhile: the weights that are read after these, or anything
  const std::int32_t* start;  // panel_columns: -64 * sum of the column's codes
  const float* scales;        // panel_columns
  const float* bias;          // panel_columns
  float* c;                   // rows x columns
  std::size_t c_stride;
};

struct Int8Kernels {
  std::size_t panel_columns;
  void (*quantize_rows)(const RowQuantization& work);
  void (*multiply)(const Int8Product& product);
  void (*multiply_wide)(const Int8Product& product);
  // Scores from 7-bit queries and keys, weights of 13 bits, values of 10 (integer_attention_body.h). head_dim is a multiple of
  // kIntegerAttentionStep.
  void (*attention)(const AttentionHead& head);
};

extern const Int8Kernels kInt8KernelsPortable;
extern const Int8Kernels kInt8KernelsAvx2;
extern const Int8Kernels kInt8KernelsAvxVnni;
extern const Int8Kernels kInt8KernelsAvx512;

}  // namespace orthant
