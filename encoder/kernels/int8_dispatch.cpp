#include "encoder/kernels/int8_dispatch.h"

namespace orthant {

const Int8Kernels& int8_kernels_for(CpuLevel level) {
#if defined(__x86_64__)
  if (level == CpuLevel::kAvx512) return kInt8KernelsAvx512;
  if (level == CpuLevel::kAvxVnni) return kInt8KernelsAvxVnni;
  if (level == CpuLevel::kAvx2) return kInt8KernelsAvx2;
#else
  static_cast<void>(level);
#endif
  return kInt8KernelsPortable;
}

const Int4Kernels& int4_kernels_for(CpuLevel level) {
#if defined(__x86_64__)
  if (level == CpuLevel::kAvx512) return kInt4KernelsAvx512;
  if (level == CpuLevel::kAvx2 || level == CpuLevel::kAvxVnni) return kInt4KernelsAvx2;
#else
  static_cast<void>(level);
#endif
  return kInt4KernelsPortable;
}

}  // namespace orthant
