#pragma once
// QuantizedLinear: one linear layer while it learns to live with fewer bits: what it multiplies in place of its input and weights
// (fake quantization), with gradients to both, and the integers that come of it in the end. The arithmetic is that of the encoder
// (docs/quantization.md): inputs rotated, int8 with one scale an output and bounded sums, int4 on grids of groups, activations in
// 7 bits before int8 weights and 8 before int4. Scales are either those of least squared error, fitted at each step by the very
// code that quantizes folders, or learned with the weights (LSQ, Esser et al. 2020), as factors of the scales that were fitted at
// the start. Steps of static activations come from observers (Jacob et al. 2018) or are learned. One thread at a time.

#include <cstddef>
#include <cstdint>
#include <string>

#include "encoder/kernels/linear_weights.h"
#include "encoder/quantize/quantize_layer.h"
#include "encoder/training/parameter_set.h"
#include "encoder/training/quantization_options.h"
#include "encoder/training/torch_api.h"

namespace orthant {

class QuantizedLinear {
 public:
  // `weight` (outputs x inputs) is what the model starts with: learned scales and zero points start from it. The scheme's balance
  // and GPTQ are left out: training takes their place.
  QuantizedLinear(const LayerScheme& scheme, const QuantizationOptions& options, const at::Tensor& weight);

  struct Operands {
    at::Tensor input;   // tokens x inputs
    at::Tensor weight;  // outputs x inputs
  };
  // Of a float32 layer what is given. Observes the input where gradients are recorded, and while calibrating.
  Operands operator()(const at::Tensor& input, const at::Tensor& weight);

  // What is learned and observed: a checkpoint keeps it.
  void add_parameters(const std::string& layer, ParameterSet& set) const;

  // Calibrating, inputs are observed and not rounded.
  void set_calibrating(bool calibrating) { calibrating_ = calibrating; }
  // After each step, and after a calibration: what was observed counts from here on; weights are rounded again.
  void step_done(std::uint64_t steps);

  // As folders hold it. Equal to what training multiplies, but that activations stay dynamic where training left them float.
  LinearWeights converted(const at::Tensor& weight);

 private:
  struct Grid {
    at::Tensor start;   // steps fitted at the start, one a row; undefined: fitted at each step
    at::Tensor factor;  // learned
    at::Tensor zero;    // int4: zero points, one a row
  };
  bool is_integer() const;
  bool keeps_steps() const;
  int limit() const { return activation_limit(scheme_.precision); }
  at::Tensor rotated(const at::Tensor& rows) const;
  at::Tensor rotated_back(const at::Tensor& rows) const;
  void start_grid(const at::Tensor& weight);
  at::Tensor learned_weight(const at::Tensor& weight);
  at::Tensor learned_codes(const at::Tensor& rows, const at::Tensor& steps) const;
  const LinearWeights& fitted(const at::Tensor& weight);
  at::Tensor quantized_input(const at::Tensor& input);
  at::Tensor activation_step() const;
  void observe(const at::Tensor& input);
  std::int64_t row_length() const;

  LayerScheme scheme_;
  QuantizationOptions options_;
  std::int64_t outputs_;
  std::int64_t inputs_;
  InputTransform transform_;
  at::Tensor signs_;     // of the rotation, one an input
  at::Tensor hadamard_;  // block x block, orthonormal, symmetric; undefined: no rotation
  Grid grid_;
  at::Tensor range_;        // largest magnitude of static activations, one value
  at::Tensor step_factor_;  // learned
  double pending_ = 0;      // largest magnitude since step_done()
  bool calibrating_ = false;
  bool frozen_ = false;
  LinearWeights fitted_;  // valid where fitted_is_current_
  bool fitted_is_current_ = false;
  at::Tensor codes_;  // of learned grids; undefined: to be rounded again
};

}  // namespace orthant
