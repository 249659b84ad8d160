#pragma once
// Low-rank adapters (LoRA, Hu et al. 2021) over frozen weights, which may be held in 4 bits (QLoRA, Dettmers et al. 2023). Plain
// values.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "encoder/weight_precision.h"

namespace orthant {

// What adapters start as.
enum class LoraStart : std::uint8_t {
  kZero,      // an update of zero, as in peft
  kRounding,  // the update that takes back the most of what rounding the weights does to the layers' outputs
};
// "zero" or "rounding".
Result<LoraStart> parse_lora_start(std::string_view name);

struct LoraOptions {
  std::size_t rank = 0;  // 0: no adapters, the weights themselves are trained
  double alpha = 32;     // updates are scaled by alpha / rank
  double dropout = 0.1;  // of what adapters see
  // Names of modules, or ends of them after a dot, as in peft: "query", "output.dense"; empty: every linear layer.
  std::vector<std::string> targets;
  WeightPrecision base = WeightPrecision::kNf4;  // what the frozen weights are held in; kFloat32: plain LoRA
  LoraStart start = LoraStart::kZero;
  bool merge = false;  // the model that is written has the sums in its weights, else adapters beside them

  bool used() const { return rank != 0; }
};

// invalid_argument names the option.
Status check_lora(const LoraOptions& options);

}  // namespace orthant
