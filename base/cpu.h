#pragma once
// CpuLevel: which kernels this process uses. A level is a set of CPUID feature bits plus the register state that the operating
// system saves (XCR0). Chosen once, at first use; ORTHANT_CPU=portable|neon|avx2|avxvnni|avx512 forces one. All functions may be
// called from any thread.

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace orthant {

// In order of preference, worst first. A kernel family may lack a level; the next lower one that it has then serves.
enum class CpuLevel {
  kPortable,
  kNeon,     // every AArch64 CPU
  kAvx2,     // AVX2, FMA, BMI2, POPCNT, F16C
  kAvxVnni,  // kAvx2 and AVX-VNNI
  kAvx512,   // kAvx2 and AVX-512 F, BW, DQ, VL, VNNI, VPOPCNTDQ
};

std::string_view cpu_level_name(CpuLevel level);

// All levels that exist, worst first, whatever this CPU has: tests loop over these and report what they skip.
std::span<const CpuLevel> all_cpu_levels();

bool cpu_supports(CpuLevel level);

// AVX512_BF16, which not every CPU of kAvx512 has.
bool cpu_multiplies_bfloat16();
// AVX512_VBMI and GFNI, which not every CPU of kAvx512 has.
bool cpu_permutes_bytes();

// The best level of this CPU, or the one that ORTHANT_CPU names. failed_precondition when the CPU lacks the named level,
// invalid_argument when there is no such level. Call it first in main() and report the error.
Result<CpuLevel> choose_cpu_level();

// choose_cpu_level(), kept from the first call on. A bad ORTHANT_CPU ends the process with a message: to run on quietly at
// another level would make a forced measurement lie.
CpuLevel cpu_level();

// "AMD EPYC ..." as the kernel names it, and the feature bits that matter to us, for logs, `orthant doctor` and benchmarks.
std::string cpu_model_name();
std::string cpu_feature_list();

}  // namespace orthant
