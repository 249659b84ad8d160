#include "encoder/training/quantized_linear.h"

#include <algorithm>
#include <array>
#include <utility>

#include "encoder/quantize/convert_weights.h"
#include "encoder/quantize/int8_rounding.h"
#include "encoder/training/embedding_forms.h"
#include "encoder/training/learned_grid.h"

namespace orthant {
namespace {

constexpr double kAverageMomentum = 0.9;
constexpr double kPercentile = 0.9999;
constexpr std::int64_t kPercentileValues = std::int64_t{1} << 18;  // evenly taken
constexpr double kLeastFactor = 0.05;                              // of a learned step: it must stay positive
constexpr double kLeastStep = 1e-12;
constexpr double kHighestInt4Code = 15;

double percentile_of(const at::Tensor& magnitudes) {
  const at::Tensor flat = magnitudes.reshape({-1});
  const std::int64_t every = flat.numel() / kPercentileValues + 1;
  const at::Tensor taken = flat.slice(0, 0, flat.numel(), every);
  const auto rank = static_cast<std::int64_t>(kPercentile * static_cast<double>(taken.numel() - 1)) + 1;
  return std::get<0>(at::kthvalue(taken, rank)).item<double>();
}

std::vector<float> floats_of(const at::Tensor& tensor) {
  const at::Tensor plain = tensor.detach().to(at::kFloat).contiguous();
  const std::span<const float> values = values_of(plain);
  return {values.begin(), values.end()};
}

LinearWeights float_layer(const at::Tensor& weight) {
  LinearWeights layer;
  layer.outputs = static_cast<std::size_t>(weight.size(0));
  layer.inputs = static_cast<std::size_t>(weight.size(1));
  layer.data = FloatWeights{floats_of(weight)};
  return layer;
}

at::Tensor hadamard_matrix(std::size_t block) {
  std::vector<float> values(block * block);
  for (std::size_t i = 0; i < block; ++i) values[i * block + i] = 1;
  transform_inputs({.factors = {}, .rotation_block = block}, block, block, values.data());
  const auto size = static_cast<std::int64_t>(block);
  return tensor_from(values, {size, size});
}

// Two a byte, the even input low.
std::vector<std::uint8_t> packed_nibbles(const std::vector<float>& codes) {
  std::vector<std::uint8_t> bytes(codes.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(static_cast<int>(codes[2 * i]) | static_cast<int>(codes[2 * i + 1]) << 4);
  }
  return bytes;
}

}  // namespace

QuantizedLinear::QuantizedLinear(const LayerScheme& scheme, const QuantizationOptions& options, const at::Tensor& weight)
    : scheme_(scheme), options_(options), outputs_(weight.size(0)), inputs_(weight.size(1)) {
  const auto inputs = static_cast<std::size_t>(inputs_);
  scheme_.precision = storable_precision(scheme.precision, inputs);
  scheme_.balance = 0;
  scheme_.gptq = false;
  scheme_.activations = ActivationScale::kDynamic;
  scheme_.group_size = int4_group_size(inputs, scheme.group_size);
  if (!is_integer()) return;
  if (scheme_.rotate) {
    transform_ = random_rotation(inputs);
    signs_ = tensor_from(transform_.factors, {inputs_});
    hadamard_ = hadamard_matrix(transform_.rotation_block);
  }
  if (options_.learned_scales) start_grid(weight);
  if (keeps_steps()) range_ = at::zeros({1}, at::kFloat);
  if (options_.activations == TrainedActivations::kLearned) step_factor_ = at::ones({1}, at::kFloat);
}

bool QuantizedLinear::is_integer() const {
  return scheme_.precision == WeightPrecision::kInt8 || scheme_.precision == WeightPrecision::kInt4;
}

bool QuantizedLinear::keeps_steps() const {
  return is_integer() &&
         (options_.activations == TrainedActivations::kStatic || options_.activations == TrainedActivations::kLearned);
}

// Values that share a step.
std::int64_t QuantizedLinear::row_length() const {
  return scheme_.precision == WeightPrecision::kInt4 ? static_cast<std::int64_t>(scheme_.group_size) : inputs_;
}

// As transform_inputs().
at::Tensor QuantizedLinear::rotated(const at::Tensor& rows) const {
  if (!hadamard_.defined()) return rows;
  const at::Tensor blocks = (rows * signs_).reshape({-1, hadamard_.size(0)});
  return at::matmul(blocks, hadamard_).reshape(rows.sizes());
}

at::Tensor QuantizedLinear::rotated_back(const at::Tensor& rows) const {
  if (!hadamard_.defined()) return rows;
  return at::matmul(rows.reshape({-1, hadamard_.size(0)}), hadamard_).reshape(rows.sizes()) * signs_;
}

void QuantizedLinear::start_grid(const at::Tensor& weight) {
  const NoGradients guard;
  const LinearWeights& layer = fitted(weight);
  const std::int64_t rows = outputs_ * inputs_ / row_length();
  if (const auto* int8 = std::get_if<Int8Weights>(&layer.data)) grid_.start = tensor_from(int8->scales, {rows, 1});
  if (const auto* int4 = std::get_if<Int4Weights>(&layer.data)) {
    grid_.start = tensor_from(int4->scales, {rows, 1});
    const std::vector<float> zero(int4->zero_points.begin(), int4->zero_points.end());
    grid_.zero = tensor_from(zero, {rows, 1});
  }
  grid_.start = grid_.start.clamp_min(kLeastStep);
  grid_.factor = at::ones({rows, 1}, at::kFloat);
  fitted_ = {};
  fitted_is_current_ = false;
}

void QuantizedLinear::add_parameters(const std::string& layer, ParameterSet& set) const {
  if (grid_.factor.defined()) set.add("quantization.scales." + layer, grid_.factor, false);
  if (step_factor_.defined()) set.add("quantization.step." + layer, step_factor_, false);
  // Never gets a gradient.
  if (range_.defined()) set.add("quantization.range." + layer, range_, false);
}

QuantizedLinear::Operands QuantizedLinear::operator()(const at::Tensor& input, const at::Tensor& weight) {
  if (scheme_.precision == WeightPrecision::kFloat32) return {input, weight};
  const bool rounds_input = is_integer() && options_.activations != TrainedActivations::kFloat;
  if (!grid_.start.defined()) {
    const LinearWeights& layer = fitted(weight);
    if (rounds_input)
      return {quantized_input(input), passed_through(rotated(weight), tensor_from(dequantize(layer), weight.sizes()))};
    return {input, passed_through(weight, tensor_from(untransformed_weights(layer), weight.sizes()))};
  }
  const at::Tensor learned = learned_weight(weight);
  if (rounds_input) return {quantized_input(input), learned};
  return {input, rotated_back(learned)};
}

const LinearWeights& QuantizedLinear::fitted(const at::Tensor& weight) {
  if (fitted_is_current_) return fitted_;
  // The scheme needs no sample, and without one nothing can be wrong.
  fitted_ = quantize_layer(float_layer(weight), scheme_, nullptr).value();
  fitted_is_current_ = true;
  return fitted_;
}

// Of rotated inputs.
at::Tensor QuantizedLinear::learned_weight(const at::Tensor& weight) {
  const at::Tensor rows = rotated(weight).reshape({-1, row_length()});
  const at::Tensor steps = grid_.start * grid_.factor.clamp_min(kLeastFactor);
  if (!codes_.defined()) {
    const NoGradients guard;
    codes_ = learned_codes(rows.detach(), steps.detach());
  }
  const at::Tensor lowest = grid_.zero.defined() ? -grid_.zero : at::full_like(steps.detach(), -127.0);
  const at::Tensor highest = grid_.zero.defined() ? kHighestInt4Code - grid_.zero : at::full_like(steps.detach(), 127.0);
  return on_learned_grid(rows, steps, codes_, lowest, highest).reshape({outputs_, inputs_});
}

at::Tensor QuantizedLinear::learned_codes(const at::Tensor& rows, const at::Tensor& steps) const {
  if (grid_.zero.defined()) return at::clamp(at::round(rows / steps) + grid_.zero, 0.0, kHighestInt4Code) - grid_.zero;
  // With the bound on sums that the kernels need.
  const std::vector<float> values = floats_of(rows);
  const std::vector<float> scales = floats_of(steps);
  std::vector<std::int8_t> codes(values.size());
  const auto length = static_cast<std::size_t>(inputs_);
  for (std::size_t row = 0; row < scales.size(); ++row) {
    round_to_int8(std::span(values).subspan(row * length, length), scales[row], std::span(codes).subspan(row * length, length));
  }
  return tensor_from(std::vector<float>(codes.begin(), codes.end()), rows.sizes());
}

at::Tensor QuantizedLinear::quantized_input(const at::Tensor& input) {
  const at::Tensor seen = rotated(input);
  if (options_.activations == TrainedActivations::kDynamic) return rounded_rows(seen, limit());
  if (calibrating_ || at::GradMode::is_enabled()) observe(seen.detach());
  if (calibrating_ || !(range_.item<float>() > 0)) return seen;
  return learned_step_quantize(seen, activation_step(), -limit(), limit());
}

at::Tensor QuantizedLinear::activation_step() const {
  const at::Tensor step = range_.detach() / static_cast<double>(limit());
  return step_factor_.defined() ? step * step_factor_.clamp_min(kLeastFactor) : step;
}

void QuantizedLinear::observe(const at::Tensor& input) {
  if (frozen_) return;
  const at::Tensor magnitudes = input.abs();
  const bool percentile = options_.observer == ActivationObserver::kPercentile;
  pending_ = std::max(pending_, percentile ? percentile_of(magnitudes) : magnitudes.max().item<double>());
}

void QuantizedLinear::step_done(std::uint64_t steps) {
  fitted_is_current_ = false;
  codes_ = at::Tensor();
  if (!keeps_steps()) return;
  const NoGradients guard;
  float& range = *range_.data_ptr<float>();
  if (pending_ > 0) {
    const double before = range;
    double after = pending_;
    if (before > 0 && options_.observer == ActivationObserver::kMinMax) after = std::max(before, pending_);
    if (before > 0 && options_.observer != ActivationObserver::kMinMax) {
      after = kAverageMomentum * before + (1 - kAverageMomentum) * pending_;
    }
    range = static_cast<float>(after);
    pending_ = 0;
  }
  // A learned step goes on from what was observed at the start: two that follow the data would chase each other.
  const bool learned = step_factor_.defined();
  frozen_ = learned || (options_.freeze_after != 0 && steps >= options_.freeze_after);
}

LinearWeights QuantizedLinear::converted(const at::Tensor& weight) {
  const NoGradients guard;
  LinearWeights layer = float_layer(weight);
  if (scheme_.precision == WeightPrecision::kFloat32) return layer;
  if (!grid_.start.defined()) {
    layer = fitted(weight);
  } else {
    learned_weight(weight);  // codes_
    const std::vector<float> codes = floats_of(grid_.zero.defined() ? codes_ + grid_.zero : codes_);
    const std::vector<float> scales = floats_of(grid_.start * grid_.factor.clamp_min(kLeastFactor));
    layer.input = transform_;
    if (grid_.zero.defined()) {
      const std::vector<float> zero = floats_of(grid_.zero);
      layer.data = Int4Weights{scheme_.group_size, packed_nibbles(codes), scales, {zero.begin(), zero.end()}};
    } else {
      layer.data = Int8Weights{{codes.begin(), codes.end()}, scales};
    }
  }
  if (keeps_steps() && range_.item<float>() > 0) layer.activation_step = activation_step().item<float>();
  return layer;
}

}  // namespace orthant
