#pragma once
// What the tests of kernels share: one test a CPU level, random floats, references in double precision.

#include <cmath>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/cpu.h"
#include "encoder/kernels/float_dispatch.h"
#include "encoder/kernels/float_kernels.h"
#include "tests/support/random.h"

namespace orthant::test {

class KernelsOfLevel : public testing::TestWithParam<CpuLevel> {
 protected:
  void SetUp() override {
    if (!cpu_supports(GetParam())) GTEST_SKIP() << "this CPU lacks the level " << cpu_level_name(GetParam());
    kernels_ = &float_kernels_for(GetParam());
  }
  std::vector<float> random_floats(std::size_t count, float spread = 1.0F) {
    std::normal_distribution<float> values(0.0F, spread);
    std::vector<float> floats(count);
    for (float& value : floats) value = values(generator_);
    return floats;
  }

  const FloatKernels* kernels_ = nullptr;
  std::mt19937_64 generator_{random_seed()};
};

// The levels that have kernels of their own.
#define ORTHANT_KERNEL_LEVELS(fixture)                                                                                \
  INSTANTIATE_TEST_SUITE_P(Levels, fixture, testing::Values(CpuLevel::kPortable, CpuLevel::kAvx2, CpuLevel::kAvx512), \
                           [](const auto& level) { return std::string(cpu_level_name(level.param)); })

inline double dot(const float* a, const float* b, std::size_t count, std::size_t b_stride = 1) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += static_cast<double>(a[i]) * b[i * b_stride];
  return sum;
}

inline double reference_activation(Activation activation, double x) {
  switch (activation) {
    case Activation::kNone: return x;
    case Activation::kGeluErf: return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0)));
    case Activation::kGeluTanh: return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::kRelu: return x > 0 ? x : 0;
    case Activation::kTanh: return std::tanh(x);
    case Activation::kSilu: return x / (1.0 + std::exp(-x));
  }
  return 0;
}

}  // namespace orthant::test
