#include "encoder/training/quantized_linears.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include <fmt/format.h>

namespace orthant {
namespace {

using Plan = std::vector<std::pair<std::string, LayerScheme>>;

Status check_plan(const Plan& plan, std::span<const TrainableTransformer::Linear> linears) {
  for (const auto& [name, scheme] : plan) {
    const bool known = std::ranges::any_of(linears, [&](const auto& linear) { return linear.tensors.name == name; });
    if (!known) {
      return invalid_argument(fmt::format("plan: it names the layer \"{}\", which the model does not have (its first is \"{}\")",
                                          name, linears.front().tensors.name));
    }
    if (scheme.balance != 0) return invalid_argument(fmt::format("plan: {}: smooth is not trained with, expected 0", name));
  }
  return {};
}

LayerScheme scheme_of(const std::string& layer, WeightPrecision precision, const QuantizationOptions& options) {
  LayerScheme scheme = options.scheme;
  scheme.precision = precision;
  if (precision != WeightPrecision::kMixed) return scheme;
  const auto planned = std::ranges::find(options.plan, layer, &Plan::value_type::first);
  if (planned != options.plan.end()) return planned->second;
  scheme.precision = WeightPrecision::kFloat32;
  return scheme;
}

}  // namespace

Result<std::unique_ptr<QuantizedLinears>> QuantizedLinears::make(WeightPrecision precision, const QuantizationOptions& options,
                                                                 TrainableTransformer& model) {
  assert(precision != WeightPrecision::kAuto && precision != WeightPrecision::kFloat32);
  ORTHANT_TRY(check_plan(options.plan, model.linears()));
  std::unique_ptr<QuantizedLinears> all(new QuantizedLinears(options, model));
  for (const TrainableTransformer::Linear& linear : model.linears()) {
    all->linears_.emplace_back(scheme_of(linear.tensors.name, precision, options), options, linear.weight);
  }
  model.set_linear_form([form = all.get()](std::size_t linear, const at::Tensor& input, const at::Tensor& weight) {
    if (!form->active_) return TrainableTransformer::Operands{input, weight};
    auto [seen, multiplied] = form->linears_[linear](input, weight);
    return TrainableTransformer::Operands{std::move(seen), std::move(multiplied)};
  });
  return all;
}

void QuantizedLinears::add_parameters(ParameterSet& set) const {
  for (std::size_t i = 0; i < linears_.size(); ++i) linears_[i].add_parameters(model_.linears()[i].tensors.name, set);
}

bool QuantizedLinears::needs_calibration() const {
  return options_.activations == TrainedActivations::kStatic || options_.activations == TrainedActivations::kLearned;
}

void QuantizedLinears::set_calibrating(bool calibrating) {
  for (QuantizedLinear& linear : linears_) linear.set_calibrating(calibrating);
}

void QuantizedLinears::step_done(std::uint64_t steps) {
  for (QuantizedLinear& linear : linears_) linear.step_done(steps);
}

std::vector<LinearWeights> QuantizedLinears::converted() {
  std::vector<LinearWeights> layers;
  for (std::size_t i = 0; i < linears_.size(); ++i) layers.push_back(linears_[i].converted(model_.linears()[i].weight));
  return layers;
}

}  // namespace orthant
