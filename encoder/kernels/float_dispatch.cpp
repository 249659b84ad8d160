#include "encoder/kernels/float_dispatch.h"

namespace orthant {

const FloatKernels& float_kernels_for(CpuLevel level) {
#if defined(__x86_64__)
  if (level == CpuLevel::kAvx512) return kFloatKernelsAvx512;
  if (level == CpuLevel::kAvx2 || level == CpuLevel::kAvxVnni) return kFloatKernelsAvx2;
#else
  static_cast<void>(level);
#endif
  return kFloatKernelsPortable;
}

const FloatKernels& float_kernels() {
  static const FloatKernels& chosen = float_kernels_for(cpu_level());
  return chosen;
}

}  // namespace orthant
