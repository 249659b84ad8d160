#include "encoder/training/weight_forms.h"

#include <cassert>
#include <utility>

#include "encoder/quantize/convert_weights.h"
#include "encoder/training/embedding_forms.h"
#include "encoder/training/parameter_set.h"

namespace orthant {

FakeQuantizedWeights::FakeQuantizedWeights(WeightPrecision precision, std::size_t linears)
    : precision_(precision), rounded_(linears) {
  assert(precision != WeightPrecision::kAuto && precision != WeightPrecision::kFloat32 && precision != WeightPrecision::kMixed);
}

at::Tensor FakeQuantizedWeights::operator()(std::size_t linear, const at::Tensor& weight) {
  Rounded& rounded = rounded_[linear];
  if (rounded.revision != revision_) {
    const std::span<const float> values = values_of(weight);
    LinearWeights exact;
    exact.outputs = static_cast<std::size_t>(weight.size(0));
    exact.inputs = static_cast<std::size_t>(weight.size(1));
    exact.data = FloatWeights{{values.begin(), values.end()}};
    rounded.values = tensor_from(untransformed_weights(convert_weights(std::move(exact), precision_)), weight.sizes());
    rounded.revision = revision_;
  }
  return passed_through(weight, rounded.values);
}

}  // namespace orthant
