#pragma once
// How the linear layers of a model stand in its files. One layer of ours may hold the outputs of several tensors, one below the
// other (query, key and value read the same input). Free functions, any thread.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "encoder/kernels/linear_weights.h"
#include "encoder/model/quantization_config.h"
#include "encoder/model/safetensors.h"

namespace orthant {

struct LinearTensors {
  struct Part {
    std::string name;  // of the tensors, without ".weight" and ".bias"
    std::size_t outputs = 0;
  };

  std::string name;  // of the whole layer, the same whatever the file calls its parts
  std::vector<Part> parts;
  std::size_t inputs = 0;
  bool bias = true;
  std::optional<StoredLayer> quantized = std::nullopt;  // in a quantized folder: whole, under `name`

  std::size_t outputs() const;
};

// The weights as the file holds them: float32 or half, or as quantized. data_corruption names file and tensor when one is absent or
// has another shape.
Result<LinearWeights> read_linear_weights(const SafeTensors& file, const LinearTensors& tensors);

// One value an output, or nothing where the layer has no bias.
Result<std::vector<float>> read_linear_bias(const SafeTensors& file, const LinearTensors& tensors);

}  // namespace orthant
