#pragma once
// Which table of float kernels serves. Any thread.

#include "base/cpu.h"
#include "encoder/kernels/float_kernels.h"

namespace orthant {

// The table for the level of this process (base/cpu.h).
const FloatKernels& float_kernels();

// The table for a level, the next lower one where the level has none of its own. The caller checks cpu_supports(level).
const FloatKernels& float_kernels_for(CpuLevel level);

}  // namespace orthant
