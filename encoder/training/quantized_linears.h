#pragma once
// QuantizedLinears: all linear layers of a model while it is trained in fewer bits: what TrainableTransformer multiplies, what is
// learned beside the weights, and the integer layers of the trained model. One thread at a time.

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "encoder/training/quantized_linear.h"
#include "encoder/training/trainable_transformer.h"

namespace orthant {

class QuantizedLinears {
 public:
  // `precision` is none of kAuto and kFloat32 (asserted); with kMixed the options' plan says what each layer is. `model` must
  // outlive this; it multiplies through it from now on. invalid_argument for a plan that names layers which are none, or that
  // moves range between inputs and weights (SmoothQuant).
  static Result<std::unique_ptr<QuantizedLinears>> make(WeightPrecision precision, const QuantizationOptions& options,
                                                        TrainableTransformer& model);

  void add_parameters(ParameterSet& set) const;
  // Static activations need a pass over some texts before the first step.
  bool needs_calibration() const;
  void set_calibrating(bool calibrating);
  void step_done(std::uint64_t steps);
  // The model multiplies its float weights while this is off.
  void set_active(bool active) { active_ = active; }

  // One a linear layer of the model.
  std::vector<LinearWeights> converted();

 private:
  QuantizedLinears(const QuantizationOptions& options, TrainableTransformer& model) : options_(options), model_(model) {}

  QuantizationOptions options_;
  TrainableTransformer& model_;
  std::vector<QuantizedLinear> linears_;
  bool active_ = true;
};

}  // namespace orthant
