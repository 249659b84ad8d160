#pragma once
// LinearObserver: sees the inputs of each linear layer while a model runs, for calibration. Null in production.

#include <cstddef>

namespace orthant {

class LinearObserver {
 public:
  virtual ~LinearObserver() = default;

  // `input` is rows x inputs of the layer `linear` (its place in Transformer::linears()), before any transform. Called on the
  // thread that runs the model; a pass over many tokens calls it several times a layer.
  virtual void observe(std::size_t linear, std::size_t rows, const float* input) = 0;
};

}  // namespace orthant
