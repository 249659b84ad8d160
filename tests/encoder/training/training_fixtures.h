#pragma once
// What tests of training share: tiny models of the golden files, texts of their words, and finite differences.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "encoder/training/torch_api.h"
#include "encoder/training/training_data.h"

namespace orthant::test {

inline std::filesystem::path tiny_model(const std::string& name) {
  return std::filesystem::path(ORTHANT_SOURCE_DIR) / "tests" / "encoder" / "golden" / "models" / name;
}

inline double cosine(std::span<const float> a, std::span<const float> b) {
  double product = 0;
  double squares_a = 0;
  double squares_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    product += static_cast<double>(a[i]) * b[i];
    squares_a += static_cast<double>(a[i]) * a[i];
    squares_b += static_cast<double>(b[i]) * b[i];
  }
  return product / std::sqrt(squares_a * squares_b);
}

// Pairs in which a document repeats a word of its query, in words that the tiny models know.
inline TrainingData word_pairs() {
  TrainingData data{ExampleKind::kPairs, {}};
  const std::vector<std::string> words = {"river", "bridge", "stone", "cold", "water", "night", "quick", "slow"};
  for (std::size_t i = 0; i < words.size(); ++i) {
    data.examples.push_back({{"the " + words[i], words[i] + " and a " + words[i] + " ."}});
  }
  return data;
}

// Compares the gradient that `function` gives to `input` (double) with central differences of its values, each entry within
// `tolerance` of the largest.
inline void expect_gradient(const at::Tensor& input, const std::function<at::Tensor(const at::Tensor&)>& function,
                            double tolerance = 1e-6) {
  ASSERT_EQ(input.scalar_type(), at::kDouble);
  at::Tensor leaf = input.detach().clone();
  leaf.set_requires_grad(true);
  torch::autograd::backward({function(leaf)}, {});
  const at::Tensor gradient = leaf.grad().contiguous();
  const double largest = std::max(1e-3, gradient.abs().max().item<double>());
  const c10::NoGradGuard guard;
  constexpr double kStep = 1e-6;
  for (std::int64_t i = 0; i < leaf.numel(); ++i) {
    at::Tensor moved = input.detach().clone().contiguous();
    double& value = moved.data_ptr<double>()[i];
    const double before = value;
    value = before + kStep;
    const double above = function(moved).item<double>();
    value = before - kStep;
    const double below = function(moved).item<double>();
    ASSERT_NEAR(gradient.data_ptr<double>()[i], (above - below) / (2 * kStep), tolerance * largest + 1e-7) << "entry " << i;
  }
}

}  // namespace orthant::test
