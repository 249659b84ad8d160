#pragma once
// Which plane kernels run. Any thread.

#include "base/cpu.h"
#include "index/kernels/plane_kernels.h"

namespace orthant {

// The kernels of cpu_level(); chosen at the first call.
const PlaneKernels& plane_kernels();

// The kernels that serve `level`. Running them needs cpu_supports(level).
const PlaneKernels& plane_kernels_of(CpuLevel level);

}  // namespace orthant
