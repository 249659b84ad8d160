#include "encoder/training/embedding_forms.h"

#include <cmath>

namespace orthant {
namespace {

using Context = torch::autograd::AutogradContext;
using Tensors = torch::autograd::tensor_list;

double root_of_dim(const at::Tensor& rows) {
  return std::sqrt(static_cast<double>(rows.size(-1)));
}

class Signs : public torch::autograd::Function<Signs> {
 public:
  static at::Tensor forward(Context* context, const at::Tensor& rows, double sharpness) {
    context->save_for_backward({rows});
    context->saved_data["sharpness"] = sharpness;
    return at::where(rows > 0, 1.0, -1.0).to(rows.scalar_type()) / root_of_dim(rows);
  }
  static Tensors backward(Context* context, Tensors gradients) {
    const at::Tensor rows = context->get_saved_variables()[0];
    const double sharpness = context->saved_data["sharpness"].toDouble();
    const at::Tensor soft = at::tanh(rows * (sharpness * root_of_dim(rows)));
    return {gradients[0] * (1 - soft * soft) * sharpness, at::Tensor()};
  }
};

class PassThrough : public torch::autograd::Function<PassThrough> {
 public:
  static at::Tensor forward(Context* /*context*/, const at::Tensor& /*values*/, const at::Tensor& rounded) { return rounded; }
  static Tensors backward(Context* /*context*/, Tensors gradients) { return {gradients[0], at::Tensor()}; }
};

class LearnedStep : public torch::autograd::Function<LearnedStep> {
 public:
  static at::Tensor forward(Context* context, const at::Tensor& values, const at::Tensor& step, std::int64_t lowest,
                            std::int64_t highest) {
    context->save_for_backward({values, step});
    context->saved_data["lowest"] = lowest;
    context->saved_data["highest"] = highest;
    return at::round(at::clamp(values / step, lowest, highest)) * step;
  }
  static Tensors backward(Context* context, Tensors gradients) {
    const auto saved = context->get_saved_variables();
    const std::int64_t lowest = context->saved_data["lowest"].toInt();
    const std::int64_t highest = context->saved_data["highest"].toInt();
    const at::Tensor steps = saved[0] / saved[1];
    const at::Tensor inside = at::logical_and(steps >= lowest, steps <= highest).to(steps.scalar_type());
    const at::Tensor clamped = at::clamp(steps, lowest, highest);
    // d/dstep: round(v) - v inside, the clamped code outside
    const at::Tensor by_step = at::round(clamped) - steps * inside;
    const double count = static_cast<double>(steps.numel()) / static_cast<double>(saved[1].numel());
    const double scale = 1.0 / std::sqrt(count * static_cast<double>(highest));
    const at::Tensor step_gradient = (gradients[0] * by_step).sum_to_size(saved[1].sizes()) * scale;
    return {gradients[0] * inside, step_gradient, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor unit_rows(const at::Tensor& rows) {
  return rows / rows.norm(2, -1, true).clamp_min(1e-12);
}

at::Tensor straight_through_signs(const at::Tensor& unit_rows, double sharpness) {
  return Signs::apply(unit_rows, sharpness);
}

at::Tensor soft_signs(const at::Tensor& unit_rows, double sharpness) {
  const double root = root_of_dim(unit_rows);
  return at::tanh(unit_rows * (sharpness * root)) / root;
}

at::Tensor passed_through(const at::Tensor& values, const at::Tensor& rounded) {
  return PassThrough::apply(values, rounded);
}

at::Tensor fake_int8_rows(const at::Tensor& rows) {
  at::Tensor rounded;
  {
    const c10::NoGradGuard guard;
    const at::Tensor steps = rows.detach().abs().amax(-1, true).clamp_min(1e-12) / 127.0;
    rounded = at::round(rows.detach() / steps) * steps;
  }
  return PassThrough::apply(rows, rounded);
}

at::Tensor learned_step_quantize(const at::Tensor& values, const at::Tensor& step, std::int64_t lowest, std::int64_t highest) {
  return LearnedStep::apply(values, step, lowest, highest);
}

double annealed_sharpness(double growth, std::uint64_t step) {
  return std::sqrt(1.0 + growth * static_cast<double>(step));
}

}  // namespace orthant
