#include "index/kernels/dispatch.h"

namespace orthant {
namespace {

template <typename Function>
void fill_gap(Function& mine, Function lower) {
  if (mine == nullptr) mine = lower;
}

DistanceKernels over(DistanceKernels upper, const DistanceKernels& lower) {
  fill_gap(upper.table_sums_block, lower.table_sums_block);
  fill_gap(upper.scan_blocks, lower.scan_blocks);
  fill_gap(upper.dot_i8_rows, lower.dot_i8_rows);
  fill_gap(upper.dot_i8_list, lower.dot_i8_list);
  fill_gap(upper.dot_i8_near, lower.dot_i8_near);
  fill_gap(upper.dot_f32_rows, lower.dot_f32_rows);
  fill_gap(upper.dot_f32_list, lower.dot_f32_list);
  fill_gap(upper.l2_f32_rows, lower.l2_f32_rows);
  fill_gap(upper.l2_f32_list, lower.l2_f32_list);
  fill_gap(upper.l1_f32_rows, lower.l1_f32_rows);
  fill_gap(upper.l1_f32_list, lower.l1_f32_list);
  fill_gap(upper.hamming_rows, lower.hamming_rows);
  fill_gap(upper.decode_i8, lower.decode_i8);
  return upper;
}

}  // namespace

DistanceKernels distance_kernels_of(CpuLevel level) {
  DistanceKernels kernels = kPortableKernels;
#if defined(__x86_64__)
  if (level >= CpuLevel::kAvx2) kernels = over(kAvx2Kernels, kernels);
  if (level == CpuLevel::kAvxVnni) kernels = over(kAvxVnniKernels, kernels);
  if (level == CpuLevel::kAvx512) kernels = over(kAvx512Kernels, kernels);
  if (level == CpuLevel::kAvx512 && cpu_permutes_bytes()) kernels = over(kAvx512VbmiKernels, kernels);
#else
  static_cast<void>(level);
#endif
  return kernels;
}

const DistanceKernels& distance_kernels() {
  static const DistanceKernels chosen = distance_kernels_of(cpu_level());
  return chosen;
}

const MatrixKernels& matrix_kernels_of(CpuLevel level) {
#if defined(__x86_64__)
  if (level >= CpuLevel::kAvx2) return kAvx2MatrixKernels;
#else
  static_cast<void>(level);
#endif
  return kPortableMatrixKernels;
}

const MatrixKernels& matrix_kernels() {
  static const MatrixKernels& chosen = matrix_kernels_of(cpu_level());
  return chosen;
}

}  // namespace orthant
