#pragma once
// Which kernels run. Any thread.

#include "base/cpu.h"
#include "index/kernels/distance_kernels.h"
#include "index/kernels/matrix_kernels.h"

namespace orthant {

// The kernels of cpu_level(); chosen at the first call.
const DistanceKernels& distance_kernels();

// The kernels that serve `level`, gaps filled from the levels below it. Running them needs cpu_supports(level).
DistanceKernels distance_kernels_of(CpuLevel level);

// The same for products of matrices.
const MatrixKernels& matrix_kernels();
const MatrixKernels& matrix_kernels_of(CpuLevel level);

}  // namespace orthant
