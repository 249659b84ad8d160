#include "encoder/training/parameter_set.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <utility>

namespace orthant {

void ParameterSet::add(std::string name, at::Tensor tensor, bool decays) {
  assert(std::ranges::find(parameters_, name, &Parameter::name) == parameters_.end());
  assert(tensor.is_contiguous() && tensor.scalar_type() == at::kFloat);
  tensor.set_requires_grad(true);
  parameters_.push_back({std::move(name), std::move(tensor), decays});
}

void ParameterSet::set_rate_factor(std::string_view prefix, double factor) {
  for (Parameter& parameter : parameters_) {
    if (parameter.name.starts_with(prefix)) parameter.rate_factor = factor;
  }
}

std::size_t ParameterSet::value_count() const {
  std::size_t count = 0;
  for (const Parameter& parameter : parameters_) count += static_cast<std::size_t>(parameter.tensor.numel());
  return count;
}

void ParameterSet::drop_gradients() {
  for (Parameter& parameter : parameters_) parameter.tensor.mutable_grad() = at::Tensor();
}

// Summed in double, one parameter after the other, so that a run repeats to the bit.
double ParameterSet::gradient_norm() const {
  double squares = 0;
  for (const Parameter& parameter : parameters_) {
    const at::Tensor& gradient = parameter.tensor.grad();
    if (!gradient.defined()) continue;
    const double norm = at::norm(gradient).item<double>();
    squares += norm * norm;
  }
  return std::sqrt(squares);
}

double ParameterSet::clip_gradients(double longest) {
  const double norm = gradient_norm();
  if (norm <= longest || !std::isfinite(norm)) return norm;
  for (Parameter& parameter : parameters_) {
    if (parameter.tensor.grad().defined()) parameter.tensor.mutable_grad().mul_(longest / norm);
  }
  return norm;
}

at::Tensor tensor_from(std::span<const float> values, at::IntArrayRef shape) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  assert(static_cast<std::size_t>(tensor.numel()) == values.size());
  std::memcpy(tensor.data_ptr<float>(), values.data(), values.size_bytes());
  return tensor;
}

std::span<const float> values_of(const at::Tensor& tensor) {
  assert(tensor.is_contiguous() && tensor.scalar_type() == at::kFloat);
  return {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

}  // namespace orthant
