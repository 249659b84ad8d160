#pragma once
// Which table of integer kernels serves. Any thread.

#include "base/cpu.h"
#include "encoder/kernels/int4_kernels.h"
#include "encoder/kernels/int8_kernels.h"

namespace orthant {

// The table for a level, the next lower one where the level has none of its own. The caller checks cpu_supports(level).
const Int8Kernels& int8_kernels_for(CpuLevel level);
const Int4Kernels& int4_kernels_for(CpuLevel level);

}  // namespace orthant
