// AVX2 level: 6 rows x 2 vectors of 8 floats are 12 of the 16 registers.

#include <immintrin.h>

#include "encoder/kernels/float_kernels.h"
#include "encoder/kernels/unroll.h"

namespace orthant {
namespace {

constexpr std::size_t kTileRows = 6;
constexpr std::size_t kTileVectors = 2;
// panel_ahead.h
constexpr bool kFetchesNextPanel = true;

#include "encoder/kernels/avx2_vec.h"

#include "encoder/kernels/float_kernels_body.h"

#include "encoder/kernels/panel_kernels_body.h"

#include "encoder/kernels/block_kernels_body.h"

#include "encoder/kernels/attention_kernels_body.h"

}  // namespace

const FloatKernels kFloatKernelsAvx2 = {kPanelColumns, gemm, multiply_panel, bias_activation, gate, norm, rotate, attention};

}  // namespace orthant
