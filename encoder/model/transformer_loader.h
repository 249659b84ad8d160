#pragma once
// Transformer::Loader: reads the tensors of a model under the names that its configuration lists, and packs the linear layers.
// Private to transformer.cpp and transformer_loader.cpp.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "encoder/model/transformer.h"

namespace orthant {

class Transformer::Loader {
 public:
  // Fills `model`, whose config_, weights_, level_ and kernels_ are set.
  Loader(Transformer& model, WeightPrecision precision) : model_(model), config_(model.config_), precision_(precision) {}

  Status load();

 private:
  void find_names();
  bool has(std::string_view name) const;
  Status check_room_for_layers() const;
  Status check_quantized_layers() const;
  Status embeddings();
  Status relative_bias();
  Status layer(std::size_t index);
  Status layer_norms(std::size_t index);
  Result<const RotaryTable*> rotary_table(double theta);
  Result<Norm> norm(std::string_view name, std::size_t size);
  Result<std::vector<float>> tensor(std::string_view name, std::span<const std::size_t> shape);
  // The place of the new layer in linears(). `outputs` has one entry a part, or their sum where the file holds one tensor.
  Result<std::size_t> linear(std::size_t layer, const TensorNames::Product& product, std::span<const std::size_t> outputs,
                             std::size_t inputs, bool bias, Activation activation);
  static bool stays_beside(const LinearTensors& tensors, WeightPrecision held);
  WeightPrecision precision_for(const LinearTensors& tensors, const LinearWeights& weights) const;
  std::string in_layer(std::size_t layer, std::string_view name) const;

  Transformer& model_;
  const TransformerConfig& config_;
  const WeightPrecision precision_;
  const TensorNames* names_ = nullptr;
};

}  // namespace orthant
