#pragma once
// What the training component uses of libtorch: tensors, automatic differentiation and functions with gradients of their own, not
// its modules and optimizers (those headers cost a compiler twice the time and memory). The only header that names libtorch's
// files; a precompiled header of the target. Tensors belong to one thread at a time.

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
