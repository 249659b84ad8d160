#pragma once
// LoraLinears: the linear layers of a model with frozen weights and low-rank adapters that are trained (LoRA; QLoRA where the
// weights are held as 4-bit codes): x W^T + bias + alpha / rank * (dropout(x) down^T) up^T. Weights are decoded to float32 for each
// product, forward and backward, and dropped again; nothing of them is kept for gradients. One thread at a time.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "encoder/model/transformer.h"
#include "encoder/training/lora_options.h"
#include "encoder/training/parameter_set.h"
#include "encoder/training/torch_api.h"

namespace orthant {

class LoraLinears {
 public:
  // Takes the weights of `model` a layer at a time. Adapters start as peft's: down uniform, drawn from `seed` alone, up zero.
  // invalid_argument for targets that no layer has.
  static Result<LoraLinears> make(const Transformer& model, const LoraOptions& options, std::uint64_t seed);

  // From here on multiply() adds up the second moments of what linear layers [first, first + count) are given.
  void observe(std::size_t first, std::size_t count);
  // Where the observed layers have adapters, these start as the update of their rank that takes back the most of what rounding does
  // to the layer's outputs, in least squares over the inputs that were observed; observing ends. `model` as in make().
  // As of LQER and QERA (Zhang et al. 2024): with E = W - codes and M = sum of x x^T, the update is U U^T E, U being the leading
  // eigenvectors of E M E^T.
  Status start_from_rounding(const Transformer& model);

  // tokens x outputs; `dropout` of what the adapters see, drawn from libtorch's default generator.
  at::Tensor multiply(std::size_t linear, const at::Tensor& input, double dropout, bool bfloat16) const;

  // Names are those of peft.
  void add_parameters(ParameterSet& set) const;

  // outputs x inputs: the frozen weights as they are multiplied, with the update added.
  at::Tensor merged(std::size_t linear) const;
  at::Tensor bias(std::size_t linear) const { return layers_[linear].bias; }

  struct Adapter {
    std::string module;  // as peft names it: without the family's prefix
    std::int64_t first = 0;
    std::int64_t outputs = 0;  // rows of the layer that it changes: [first, first + outputs)
    at::Tensor down;           // rank x inputs
    at::Tensor up;             // outputs x rank
  };
  // Of all layers.
  std::vector<Adapter> adapters() const;
  const LoraOptions& options() const { return options_; }
  std::size_t base_bytes() const;
  // Of the largest layer in float32: what one product decodes.
  std::size_t largest_layer_bytes() const;

 private:
  struct Layer {
    LinearWeights weights;
    at::Tensor bias;  // undefined: none
    std::vector<Adapter> adapters;
  };
  class FrozenProduct;
  struct Observed {
    std::size_t first = 0;
    std::vector<at::Tensor> moments;  // inputs x inputs each
  };

  explicit LoraLinears(const LoraOptions& options) : options_(options) {}
  static at::Tensor decoded(const Layer& layer);
  static at::Tensor all_down(const Layer& layer);
  static at::Tensor all_up(const Layer& layer);
  void start_from_rounding(Layer& layer, const at::Tensor& weight, const at::Tensor& moments) const;
  double scale() const { return options_.alpha / static_cast<double>(options_.rank); }

  LoraOptions options_;
  std::vector<Layer> layers_;  // their addresses stay: gradients refer to them
  mutable Observed observed_;  // multiply() adds to it
};

}  // namespace orthant
