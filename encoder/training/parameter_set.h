#pragma once
// ParameterSet: the tensors that training changes, by name, in a fixed order that optimizer state and checkpoints share. Tensors
// are handles: a copy in here and the one in the model are the same values. One thread at a time.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "encoder/training/torch_api.h"

namespace orthant {

struct Parameter {
  std::string name;
  at::Tensor tensor;       // float32, contiguous, a leaf that requires its gradient
  bool decays = true;      // whether AdamW's weight decay applies: not to biases and norms
  double rate_factor = 1;  // of the learning rate
};

class ParameterSet {
 public:
  // `tensor` is made a leaf that requires its gradient. Names are unique (asserted).
  void add(std::string name, at::Tensor tensor, bool decays);
  // For all whose name starts so.
  void set_rate_factor(std::string_view prefix, double factor);

  std::span<const Parameter> all() const { return parameters_; }
  // Values in all of them.
  std::size_t value_count() const;
  void drop_gradients();
  // The length of all gradients as one vector; absent ones count as zeros.
  double gradient_norm() const;
  // Gradients longer than `longest` are scaled to that length. Gives the length before.
  double clip_gradients(double longest);

 private:
  std::vector<Parameter> parameters_;
};

// Keeps gradients from being recorded while it lives.
using NoGradients = c10::NoGradGuard;

// A tensor with a copy of the values.
at::Tensor tensor_from(std::span<const float> values, at::IntArrayRef shape);
// The values of a contiguous float32 tensor, valid while it lives.
std::span<const float> values_of(const at::Tensor& tensor);

}  // namespace orthant
