#include "base/cpu.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace orthant {
namespace {

constexpr std::array kLevels = {CpuLevel::kPortable, CpuLevel::kNeon, CpuLevel::kAvx2, CpuLevel::kAvxVnni, CpuLevel::kAvx512};

struct Features {
  bool avx2_level = false;
  bool avx_vnni = false;
  bool avx512_level = false;
  bool avx512_bf16 = false;
  bool avx512_vbmi = false;
};

#if defined(__x86_64__)

struct CpuidLeaf {
  std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

CpuidLeaf cpuid(std::uint32_t leaf, std::uint32_t subleaf) {
  CpuidLeaf result;
  if (__get_cpuid_count(leaf, subleaf, &result.eax, &result.ebx, &result.ecx, &result.edx) == 0) return {};
  return result;
}

// XCR0: the register files that the operating system saves at a context switch.
std::uint64_t saved_register_state() {
  std::uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (std::uint64_t{high} << 32) | low;
}

bool has_bits(std::uint32_t word, std::initializer_list<int> bits) {
  for (int bit : bits) {
    if ((word >> bit & 1) == 0) return false;
  }
  return true;
}

Features detect() {
  Features features;
  const CpuidLeaf basic = cpuid(1, 0);
  constexpr int kOsXsave = 27;
  if (!has_bits(basic.ecx, {kOsXsave})) return features;
  const std::uint64_t saved = saved_register_state();
  const bool ymm_saved = (saved & 0x6) == 0x6;
  const bool zmm_saved = (saved & 0xe6) == 0xe6;
  const CpuidLeaf extended = cpuid(7, 0);
  const CpuidLeaf extended_1 = cpuid(7, 1);
  constexpr int kFma = 12, kPopcnt = 23, kAvx = 28, kF16c = 29;
  constexpr int kAvx2 = 5, kBmi2 = 8;
  constexpr int kAvx512F = 16, kAvx512Dq = 17, kAvx512Bw = 30, kAvx512Vl = 31;
  constexpr int kAvx512Vnni = 11, kAvx512Vpopcntdq = 14;
  constexpr int kAvx512Vbmi = 1, kGfni = 8;
  constexpr int kAvxVnniBit = 4, kAvx512Bf16Bit = 5;
  features.avx2_level = ymm_saved && has_bits(basic.ecx, {kFma, kPopcnt, kAvx, kF16c}) && has_bits(extended.ebx, {kAvx2, kBmi2});
  features.avx_vnni = features.avx2_level && has_bits(extended_1.eax, {kAvxVnniBit});
  features.avx512_level = features.avx2_level && zmm_saved && has_bits(extended.ebx, {kAvx512F, kAvx512Dq, kAvx512Bw, kAvx512Vl}) &&
                          has_bits(extended.ecx, {kAvx512Vnni, kAvx512Vpopcntdq});
  features.avx512_bf16 = features.avx512_level && has_bits(extended_1.eax, {kAvx512Bf16Bit});
  features.avx512_vbmi = features.avx512_level && has_bits(extended.ecx, {kAvx512Vbmi, kGfni});
  return features;
}

#else

Features detect() {
  return {};
}

#endif

const Features& features() {
  static const Features detected = detect();
  return detected;
}

}  // namespace

std::string_view cpu_level_name(CpuLevel level) {
  switch (level) {
    case CpuLevel::kPortable: return "portable";
    case CpuLevel::kNeon: return "neon";
    case CpuLevel::kAvx2: return "avx2";
    case CpuLevel::kAvxVnni: return "avxvnni";
    case CpuLevel::kAvx512: return "avx512";
  }
  return "portable";
}

std::span<const CpuLevel> all_cpu_levels() {
  return kLevels;
}

bool cpu_supports(CpuLevel level) {
  switch (level) {
    case CpuLevel::kPortable: return true;
    case CpuLevel::kNeon:
#if defined(__aarch64__)
      return true;
#else
      return false;
#endif
    case CpuLevel::kAvx2: return features().avx2_level;
    case CpuLevel::kAvxVnni: return features().avx_vnni;
    case CpuLevel::kAvx512: return features().avx512_level;
  }
  return false;
}

bool cpu_multiplies_bfloat16() {
  return features().avx512_bf16;
}

bool cpu_permutes_bytes() {
  return features().avx512_vbmi;
}

Result<CpuLevel> choose_cpu_level() {
  const char* forced = std::getenv("ORTHANT_CPU");
  CpuLevel best = CpuLevel::kPortable;
  for (CpuLevel level : kLevels) {
    if (forced != nullptr && cpu_level_name(level) == forced) {
      if (cpu_supports(level)) return level;
      return fail(ErrorCode::kFailedPrecondition, std::string("ORTHANT_CPU=") + forced + ": this CPU (" + cpu_model_name() +
                                                      ") lacks that level; it has: " + cpu_feature_list());
    }
    if (cpu_supports(level)) best = level;
  }
  if (forced != nullptr && *forced != '\0') {
    return invalid_argument(std::string("ORTHANT_CPU=") + forced +
                            ": no such level, expected portable, neon, avx2, avxvnni or avx512");
  }
  return best;
}

CpuLevel cpu_level() {
  static const CpuLevel chosen = [] {
    Result<CpuLevel> level = choose_cpu_level();
    if (!level) {
      std::fprintf(stderr, "orthant: %s\n", level.error().message.c_str());
      std::exit(2);
    }
    return *level;
  }();
  return chosen;
}

std::string cpu_model_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name") || line.starts_with("CPU part")) {
      const std::size_t colon = line.find(": ");
      if (colon != std::string::npos) return line.substr(colon + 2);
    }
  }
  return "unknown CPU";
}

std::string cpu_feature_list() {
  std::string list = "portable";
  for (CpuLevel level : kLevels) {
    if (level != CpuLevel::kPortable && cpu_supports(level)) list += " " + std::string(cpu_level_name(level));
  }
  if (features().avx512_bf16) list += " avx512_bf16";
  if (features().avx512_vbmi) list += " avx512_vbmi";
  return list;
}

}  // namespace orthant
