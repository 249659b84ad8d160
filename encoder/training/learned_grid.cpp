#include "encoder/training/learned_grid.h"

#include "encoder/training/embedding_forms.h"

namespace orthant {
namespace {

using Context = torch::autograd::AutogradContext;
using Tensors = torch::autograd::tensor_list;

class LearnedGrid : public torch::autograd::Function<LearnedGrid> {
 public:
  static at::Tensor forward(Context* context, const at::Tensor& values, const at::Tensor& steps, const at::Tensor& codes,
                            const at::Tensor& lowest, const at::Tensor& highest) {
    context->save_for_backward({values, steps, codes, lowest, highest});
    return codes * steps;
  }

  static Tensors backward(Context* context, Tensors gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor scaled = saved[0] / saved[1];
    const at::Tensor inside = at::logical_and(scaled >= saved[3], scaled <= saved[4]).to(scaled.scalar_type());
    const at::Tensor by_step = saved[2] - scaled * inside;
    const at::Tensor levels = at::maximum(saved[3].abs(), saved[4].abs());
    const at::Tensor scale = at::rsqrt(levels * static_cast<double>(scaled.size(1)));
    const at::Tensor step_gradient = (gradients[0] * by_step).sum(1, true) * scale;
    return {gradients[0] * inside, step_gradient, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor on_learned_grid(const at::Tensor& values, const at::Tensor& steps, const at::Tensor& codes, const at::Tensor& lowest,
                           const at::Tensor& highest) {
  return LearnedGrid::apply(values, steps, codes, lowest, highest);
}

at::Tensor rounded_rows(const at::Tensor& rows, int limit) {
  at::Tensor rounded;
  {
    const c10::NoGradGuard guard;
    const at::Tensor steps = rows.detach().abs().amax(-1, true).clamp_min(1e-30) / static_cast<double>(limit);
    rounded = at::round(rows.detach() / steps) * steps;
  }
  return passed_through(rows, rounded);
}

}  // namespace orthant
