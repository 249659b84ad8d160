#pragma once
// Float32 kernels of the transformer, one table a CPU level. The levels agree to 1e-5 of the values' scale (they sum in different
// orders); a given level always gives the same bits for the same input. All functions may be called from any thread; matrices are
// row-major, a stride is the distance of two rows in floats.

#include <cstddef>
#include <cstdint>

#include "encoder/kernels/attention_head.h"

namespace orthant {

enum class Activation : std::uint8_t { kNone, kGeluErf, kGeluTanh, kRelu, kTanh, kSilu };

// kLayer: (x - mean) / deviation; kRootMeanSquare: x / root of the mean square (RMSNorm, Zhang and Sennrich 2019).
enum class NormKind : std::uint8_t { kLayer, kRootMeanSquare };

// output = norm(input + residual) * gamma + beta for each row; sum, residual and output may be the same rows, or input.
struct NormRows {
  NormKind kind;
  float epsilon;
  const float* input;
  const float* residual;  // null: none
  float* sum;             // gets input + residual; null: not wanted
  const float* gamma;
  const float* beta;  // null: none
  std::size_t rows;
  std::size_t columns;
  float* output;
};

// Rotary position embedding (Su et al. 2021) of the heads of one token, in the half-split layout: values i and i + rotated / 2 of a
// head turn by the angle whose cosine and sine are at i. Values from `rotated` on stay.
struct RotaryHeads {
  std::size_t heads;
  std::size_t head_dim;
  std::size_t rotated;
  const float* cosines;  // rotated / 2
  const float* sines;
  float* values;  // heads x head_dim
};

// One whole panel of packed weights: c = activation(a b + bias).
struct PanelProduct {
  std::size_t rows;
  std::size_t depth;
  const float* a;  // rows x depth
  std::size_t a_stride;
  const float* b;     // depth x panel_columns
  const float* next;  // fetched meanwhile: the weights that are read after these, or anything
  const float* bias;  // panel_columns
  Activation activation;
  float* c;  // rows x panel_columns
  std::size_t c_stride;
};

struct FloatKernels {
  // Weights are stored in panels of this many columns (linear.h): the width of the widest tile of gemm.
  std::size_t panel_columns;
  // c = a b: a is rows x depth, b is depth x columns, c is rows x columns.
  void (*gemm)(std::size_t rows, std::size_t columns, std::size_t depth, const float* a, std::size_t a_stride, const float* b,
               std::size_t b_stride, float* c, std::size_t c_stride);
  void (*multiply_panel)(const PanelProduct& product);
  // values = activation(values + bias), in place; bias is one row of `columns`.
  void (*bias_activation)(std::size_t rows, std::size_t columns, const float* bias, Activation activation, float* values,
                          std::size_t stride);
  // Of rows of 2 x columns: activation(first half) * second half, as rows of `columns`, in place from the start of `values`.
  void (*gate)(std::size_t rows, std::size_t columns, Activation activation, float* values);
  void (*norm)(const NormRows& block);
  void (*rotate)(const RotaryHeads& token);
  void (*attention)(const AttentionHead& head);
};

extern const FloatKernels kFloatKernelsPortable;
extern const FloatKernels kFloatKernelsAvx2;
extern const FloatKernels kFloatKernelsAvx512;

}  // namespace orthant
