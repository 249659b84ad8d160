#pragma once
// What each linear layer costs on this machine in one precision, measured with the kernels that would run it.

#include <span>
#include <vector>

#include "base/cpu.h"
#include "encoder/kernels/linear_weights.h"

namespace orthant {

// Tokens of a short query and of a passage.
inline constexpr std::size_t kQueryTokens = 12;
inline constexpr std::size_t kPassageTokens = 112;

// CPU seconds of one application.
struct LayerLatency {
  double query = 0;    // to kQueryTokens rows
  double passage = 0;  // to kPassageTokens rows
};

// One an element of `layers`. They run one after another as in the model, over and over, so that each finds the caches as the
// others left them; the fastest of several runs counts. Holds all layers packed meanwhile.
std::vector<LayerLatency> measure_layers(std::span<const LinearWeights* const> layers, CpuLevel level);

}  // namespace orthant
