#include "index/kernels/plane_dispatch.h"

namespace orthant {

const PlaneKernels& plane_kernels_of(CpuLevel level) {
#if defined(__x86_64__)
  if (level == CpuLevel::kAvx512) return kAvx512PlaneKernels;
  if (level >= CpuLevel::kAvx2) return kAvx2PlaneKernels;
#else
  static_cast<void>(level);
#endif
  return kPortablePlaneKernels;
}

const PlaneKernels& plane_kernels() {
  static const PlaneKernels& chosen = plane_kernels_of(cpu_level());
  return chosen;
}

}  // namespace orthant
