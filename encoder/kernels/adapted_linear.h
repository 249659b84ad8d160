#pragma once
// A linear layer with a low-rank update (LoRA, Hu et al. 2021) kept beside its weights: output = activation(input W^T + (input
// down^T) up^T + bias). The product of the update is float32 whatever W is held in, so that weights of few bits keep the very codes
// that the update was trained over. Costs rank * (inputs + outputs) multiplications a row more than inputs * outputs.

#include <cstddef>
#include <memory>
#include <vector>

#include "encoder/kernels/linear.h"

namespace orthant {

struct LowRankUpdate {
  std::size_t rank = 0;
  std::vector<float> down;  // rank x inputs
  std::vector<float> up;    // outputs x rank, scale included
};

// As Linear::make, with the update. Its shapes are those of the weights (asserted).
std::unique_ptr<const Linear> make_adapted_linear(const LinearWeights& weights, const LowRankUpdate& update,
                                                  std::span<const float> bias, Activation activation, CpuLevel level,
                                                  WeightArena& arena);

}  // namespace orthant
