#pragma once
// Low-rank adapters (LoRA, Hu et al. 2021) over frozen weights, which may be held in 4 bits (QLoRA, Dettmers et al. 2023). Plain
// values.

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "encoder/weight_precision.h"

namespace orthant {

struct LoraOptions {
  std::size_t rank = 0;  // 0: no adapters, the weights themselves are trained
  double alpha = 32;     // updates are scaled by alpha / rank
  double dropout = 0.1;  // of what adapters see
  // Names of modules, or ends of them after a dot, as in peft: "query", "output.dense"; empty: every linear layer.
  std::vector<std::string> targets;
  WeightPrecision base = WeightPrecision::kNf4;  // what the frozen weights are held in; kFloat32: plain LoRA
  bool merge = false;                            // the model that is written has the sums in its weights, else adapters beside them

  bool used() const { return rank != 0; }
};

// invalid_argument names the option.
Status check_lora(const LoraOptions& options);

}  // namespace orthant
