#pragma once
// What training may do to fit into memory. Plain values.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace orthant {

// How AdamW holds its moments.
enum class MomentForm : std::uint8_t {
  kFloat32,
  kDynamic8,  // 8-bit codes in blocks (moment_codes.h)
};
// "float32" or "8bit".
Result<MomentForm> parse_moment_form(std::string_view name);

struct MemoryOptions {
  MomentForm moments = MomentForm::kFloat32;
  bool paged_moments = false;  // in a mapped file of the output folder
  // Bytes that the process may take at its peak; 0: what the machine has, and nothing is changed to fit.
  std::size_t budget = 0;
};

}  // namespace orthant
