// AVX-512 level: 8 rows x 3 vectors of 16 floats are 24 of the 32 registers.

#include <immintrin.h>

#include "encoder/kernels/float_kernels.h"
#include "encoder/kernels/unroll.h"

namespace orthant {
namespace {

constexpr std::size_t kTileRows = 8;
constexpr std::size_t kTileVectors = 3;
// panel_ahead.h
constexpr bool kFetchesNextPanel = false;

#include "encoder/kernels/avx512_vec.h"

#include "encoder/kernels/float_kernels_body.h"

#include "encoder/kernels/panel_kernels_body.h"

#include "encoder/kernels/block_kernels_body.h"

#include "encoder/kernels/attention_kernels_body.h"

}  // namespace

const FloatKernels kFloatKernelsAvx512 = {kPanelColumns, gemm, multiply_panel, bias_activation, gate, norm, rotate, attention};

}  // namespace orthant
