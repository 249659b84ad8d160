#pragma once
// FakeQuantizedWeights: what the linear layers multiply while a model learns to live with fewer bits: the weights as
// convert_weights() rounds them (int8 with rotated inputs and one scale an output, int4 in groups, NF4, halves), widened again,
// with gradients that pass through to the float weights (straight-through estimator). What the trained model then gives at
// `--weights int4`, or after `orthant quantize --scheme int4`, has the same codes. Activations stay float here. One thread at a
// time.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "encoder/training/torch_api.h"
#include "encoder/weight_precision.h"

namespace orthant {

class FakeQuantizedWeights {
 public:
  // `precision` is none of kAuto, kFloat32 and kMixed (asserted); `linears` of the model.
  FakeQuantizedWeights(WeightPrecision precision, std::size_t linears);

  // Rounded again only after weights_changed().
  at::Tensor operator()(std::size_t linear, const at::Tensor& weight);

  // Call after every change of the weights that libtorch does not see (the optimizer's, a checkpoint's).
  void weights_changed() { ++revision_; }

 private:
  struct Rounded {
    at::Tensor values;
    std::uint32_t revision = 0;
  };
  WeightPrecision precision_;
  std::uint32_t revision_ = 1;
  std::vector<Rounded> rounded_;
};

}  // namespace orthant
