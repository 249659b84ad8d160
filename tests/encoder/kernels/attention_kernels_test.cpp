// Attention at every level against double-precision references: all keys, windows, causal, with a bias for distances.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "base/aligned_array.h"
#include "tests/encoder/kernels/kernel_levels.h"

namespace orthant {
namespace {

struct Case {
  std::size_t tokens;
  std::size_t head_dim;
  std::size_t keys_before = SIZE_MAX;
  std::size_t keys_after = SIZE_MAX;
  bool bias = false;
};

class AttentionOfLevel : public test::KernelsOfLevel {
 protected:
  // rows are query, key, value side by side, with a stride of one more.
  void expect_as_reference(const Case& wanted) {
    const std::size_t head_dim = wanted.head_dim;
    const std::size_t stride = 3 * head_dim + 1;
    const std::vector<float> rows = random_floats(wanted.tokens * stride, 2.0F);
    const std::vector<float> bias = random_floats(2 * (wanted.tokens + kMaxVectorFloats), 2.0F);
    const float* center = bias.data() + wanted.tokens + kMaxVectorFloats - 1;
    std::vector<float> output(wanted.tokens * (head_dim + 1), 77.0F);
    AlignedArray<float> scratch(attention_scratch_floats(wanted.tokens, head_dim));
    const float scale = 1.0F / std::sqrt(static_cast<float>(head_dim));
    kernels_->attention({rows.data(), rows.data() + head_dim, rows.data() + 2 * head_dim, stride, wanted.tokens, head_dim, scale,
                         wanted.bias ? center : nullptr, wanted.keys_before, wanted.keys_after, output.data(), head_dim + 1,
                         scratch.data()});
    for (std::size_t query = 0; query < wanted.tokens; ++query) {
      std::vector<double> weights(wanted.tokens);
      double total = 0;
      for (std::size_t key = 0; key < wanted.tokens; ++key) {
        const bool seen = key <= query ? query - key <= wanted.keys_before : key - query <= wanted.keys_after;
        if (!seen) continue;
        double score = test::dot(rows.data() + query * stride, rows.data() + key * stride + head_dim, head_dim) * scale;
        if (wanted.bias) score += center[static_cast<std::ptrdiff_t>(key) - static_cast<std::ptrdiff_t>(query)];
        weights[key] = std::exp(score);
        total += weights[key];
      }
      for (std::size_t i = 0; i < head_dim; ++i) {
        double expected = 0;
        for (std::size_t key = 0; key < wanted.tokens; ++key)
          expected += weights[key] / total * rows[key * stride + 2 * head_dim + i];
        ASSERT_NEAR(output[query * (head_dim + 1) + i], expected, 2e-5)
            << wanted.tokens << " tokens, head of " << head_dim << ", query " << query << ", window " << wanted.keys_before << ", "
            << wanted.keys_after;
      }
      ASSERT_EQ(output[query * (head_dim + 1) + head_dim], 77.0F) << "wrote past the row";
    }
  }
};

TEST_P(AttentionOfLevel, SeesAllTokensOfTheSequence) {
  for (const std::size_t head_dim : {1U, 8U, 12U, 32U, 64U, 128U}) {
    for (const std::size_t tokens : {1U, 2U, 7U, 15U, 16U, 17U, 33U, 100U}) expect_as_reference({tokens, head_dim});
  }
  for (std::size_t tokens = 1; tokens <= 70; ++tokens) expect_as_reference({tokens, 24});
}

TEST_P(AttentionOfLevel, SeesOnlyTokensBeforeItWhereCausal) {
  for (const std::size_t tokens : {1U, 2U, 15U, 16U, 17U, 33U, 100U}) {
    expect_as_reference({.tokens = tokens, .head_dim = 16, .keys_after = 0});
  }
}

TEST_P(AttentionOfLevel, SeesOnlyTheWindowAroundTheQuery) {
  for (const std::size_t tokens : {1U, 5U, 16U, 33U, 100U, 150U}) {
    for (const std::size_t window : {0U, 1U, 4U, 16U, 40U, 99U}) {
      expect_as_reference({.tokens = tokens, .head_dim = 16, .keys_before = window, .keys_after = window});
    }
    expect_as_reference({.tokens = tokens, .head_dim = 16, .keys_before = 3, .keys_after = 20});
  }
}

TEST_P(AttentionOfLevel, AddsTheBiasOfTheDistance) {
  for (const std::size_t tokens : {1U, 2U, 15U, 16U, 17U, 33U, 100U}) {
    expect_as_reference({.tokens = tokens, .head_dim = 16, .bias = true});
    expect_as_reference({.tokens = tokens, .head_dim = 16, .keys_before = 20, .keys_after = 7, .bias = true});
  }
}

TEST_P(AttentionOfLevel, KeepsHugeScoresFromOverflowing) {
  const std::vector<float> rows = {300.0F, 300.0F, 1.0F, -300.0F, -300.0F, 2.0F};
  std::vector<float> output(2);
  AlignedArray<float> scratch(attention_scratch_floats(2, 1));
  kernels_->attention({rows.data(), rows.data() + 1, rows.data() + 2, 3, 2, 1, 1.0F, nullptr, SIZE_MAX, SIZE_MAX, output.data(), 1,
                       scratch.data()});
  EXPECT_FLOAT_EQ(output[0], 1.0F);
  EXPECT_FLOAT_EQ(output[1], 2.0F);
}

ORTHANT_KERNEL_LEVELS(AttentionOfLevel);

}  // namespace
}  // namespace orthant
