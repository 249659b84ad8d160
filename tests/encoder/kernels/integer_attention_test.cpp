// Attention in integers at every level: against double-precision references of the real thing and of what its codes stand for.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/aligned_array.h"
#include "encoder/kernels/int8_dispatch.h"
#include "tests/encoder/kernels/kernel_levels.h"

namespace orthant {

#if defined(__x86_64__)
extern const Int8Kernels kInt8KernelsAvxVnniEvex;
#endif

namespace {

struct Case {
  std::size_t tokens;
  std::size_t head_dim;
  std::size_t keys_before = SIZE_MAX;
  std::size_t keys_after = SIZE_MAX;
  bool bias = false;
};

struct Inputs {
  Case shape;
  std::vector<float> rows;  // query, key, value side by side, and one float more
  std::vector<float> bias;

  std::size_t stride() const { return 3 * shape.head_dim + 1; }
  const float* part(std::size_t token, std::size_t which) const { return rows.data() + token * stride() + which * shape.head_dim; }
  const float* center() const { return bias.data() + shape.tokens + kMaxVectorFloats - 1; }
  float scale() const { return 1.0F / std::sqrt(static_cast<float>(shape.head_dim)); }
  bool sees(std::size_t query, std::size_t key) const {
    return key <= query ? query - key <= shape.keys_before : key - query <= shape.keys_after;
  }
};

// Values as codes of -limit to limit stand for them.
void round_to_codes(double* values, std::size_t count, std::size_t stride, double limit) {
  double largest = 0;
  for (std::size_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(values[i * stride]));
  for (std::size_t i = 0; i < count; ++i) {
    if (largest > 0) values[i * stride] = std::nearbyint(values[i * stride] / largest * limit) * largest / limit;
  }
}

// What the codes give, or plain attention.
std::vector<double> reference(const Inputs& in, bool in_codes) {
  const auto [tokens, head_dim, before, after, biased] = in.shape;
  std::vector<double> parts[3];
  for (std::size_t which = 0; which < 3; ++which) {
    for (std::size_t token = 0; token < tokens; ++token) {
      parts[which].insert(parts[which].end(), in.part(token, which), in.part(token, which) + head_dim);
      if (in_codes && which < 2) round_to_codes(parts[which].data() + token * head_dim, head_dim, 1, 63);
    }
  }
  for (std::size_t i = 0; i < head_dim && in_codes; ++i) round_to_codes(parts[2].data() + i, tokens, head_dim, 511);
  std::vector<double> output(tokens * head_dim);
  for (std::size_t query = 0; query < tokens; ++query) {
    std::vector<double> scores(tokens, -1e300);
    for (std::size_t key = 0; key < tokens; ++key) {
      if (!in.sees(query, key)) continue;
      double product = 0;
      for (std::size_t i = 0; i < head_dim; ++i) product += parts[0][query * head_dim + i] * parts[1][key * head_dim + i];
      scores[key] = product * in.scale();
      if (biased) scores[key] += in.center()[static_cast<std::ptrdiff_t>(key) - static_cast<std::ptrdiff_t>(query)];
    }
    const double highest = *std::max_element(scores.begin(), scores.end());
    double total = 0;
    for (double& score : scores) {
      score = std::exp(score - highest);
      if (in_codes) score = std::nearbyint(score * 8192);
      total += score;
    }
    for (std::size_t key = 0; key < tokens; ++key) {
      for (std::size_t i = 0; i < head_dim; ++i) output[query * head_dim + i] += scores[key] / total * parts[2][key * head_dim + i];
    }
  }
  return output;
}

double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double squares = 0;
  double whole = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    squares += (a[i] - b[i]) * (a[i] - b[i]);
    whole += a[i] * a[i];
  }
  return std::sqrt(squares / whole);
}

struct Level {
  std::string_view name;
  CpuLevel needs;
  const Int8Kernels* kernels;
};

class IntegerAttentionOfLevel : public testing::TestWithParam<Level> {
 protected:
  void SetUp() override {
    if (!cpu_supports(GetParam().needs)) GTEST_SKIP() << "this CPU lacks the level " << cpu_level_name(GetParam().needs);
  }

  Inputs random_inputs(const Case& shape) {
    std::normal_distribution<float> values(0.0F, 1.5F);
    Inputs in{.shape = shape, .rows = {}, .bias = {}};
    in.rows.resize(shape.tokens * in.stride());
    in.bias.resize(2 * (shape.tokens + kMaxVectorFloats));
    for (float& value : in.rows) value = values(generator_);
    for (float& value : in.bias) value = values(generator_);
    return in;
  }

  std::vector<double> run(const Inputs& in) const {
    const auto [tokens, head_dim, before, after, biased] = in.shape;
    std::vector<float> output(tokens * (head_dim + 1), 77.0F);
    AlignedArray<float> scratch(attention_scratch_floats(tokens, head_dim) + 16);
    for (std::size_t i = 0; i < scratch.size(); ++i) scratch[i] = std::nanf("");
    GetParam().kernels->attention({in.part(0, 0), in.part(0, 1), in.part(0, 2), in.stride(), tokens, head_dim, in.scale(),
                                   biased ? in.center() : nullptr, before, after, output.data(), head_dim + 1, scratch.data()});
    for (std::size_t i = scratch.size() - 16; i < scratch.size(); ++i) EXPECT_TRUE(std::isnan(scratch[i])) << "past the scratch";
    std::vector<double> rows;
    for (std::size_t token = 0; token < tokens; ++token) {
      const float* row = output.data() + token * (head_dim + 1);
      rows.insert(rows.end(), row, row + head_dim);
      EXPECT_EQ(row[head_dim], 77.0F) << "wrote past the row";
    }
    return rows;
  }

  void expect_as_reference(const Case& shape) {
    const Inputs in = random_inputs(shape);
    const std::vector<double> found = run(in);
    const std::string what = std::to_string(shape.tokens) + " tokens, head of " + std::to_string(shape.head_dim) + ", window " +
                             std::to_string(shape.keys_before) + ", " + std::to_string(shape.keys_after);
    // A code that lies in the middle may be rounded to either side. Codes themselves cost .02 to .05 of such values.
    EXPECT_LT(distance(reference(in, true), found), 1e-2) << what;
    EXPECT_LT(distance(reference(in, false), found), 0.1) << what;
  }

  std::mt19937_64 generator_{test::random_seed()};
};

TEST_P(IntegerAttentionOfLevel, GivesWhatItsCodesStandFor) {
  for (const std::size_t head_dim : {16U, 32U, 48U, 64U, 128U}) {
    for (const std::size_t tokens : {1U, 2U, 7U, 16U, 17U, 33U, 100U}) expect_as_reference({tokens, head_dim});
  }
  for (std::size_t tokens = 1; tokens <= 60; ++tokens) expect_as_reference({.tokens = tokens, .head_dim = 16, .bias = true});
}

TEST_P(IntegerAttentionOfLevel, SeesOnlyTheWindowAroundTheQuery) {
  for (const std::size_t tokens : {1U, 16U, 33U, 100U, 150U}) {
    expect_as_reference({.tokens = tokens, .head_dim = 16, .keys_after = 0});
    for (const std::size_t window : {0U, 1U, 16U, 40U}) {
      expect_as_reference({.tokens = tokens, .head_dim = 16, .keys_before = window, .keys_after = window});
    }
    expect_as_reference({.tokens = tokens, .head_dim = 32, .keys_before = 60, .keys_after = 20, .bias = true});
  }
}

// Equal scores and values everywhere: the largest sums there can be, in chunks of keys.
TEST_P(IntegerAttentionOfLevel, SumsOfManyKeysDoNotOverflow) {
  for (const std::size_t tokens : {512U, 513U, 1100U}) {
    Inputs in = random_inputs({.tokens = tokens, .head_dim = 16});
    std::fill(in.rows.begin(), in.rows.end(), 1.0F);
    for (const double value : run(in)) ASSERT_NEAR(value, 1.0, 1e-5);
    std::fill(in.rows.begin(), in.rows.end(), -1.0F);
    for (const double value : run(in)) ASSERT_NEAR(value, -1.0, 1e-5);
  }
  expect_as_reference({.tokens = 700, .head_dim = 16});
}

TEST_P(IntegerAttentionOfLevel, ZerosAndHugeScoresAreNumbers) {
  Inputs in = random_inputs({.tokens = 20, .head_dim = 16});
  std::fill(in.rows.begin(), in.rows.end(), 0.0F);
  for (const double value : run(in)) ASSERT_EQ(value, 0.0);
  in = random_inputs({.tokens = 20, .head_dim = 16});
  for (float& value : in.rows) value *= 1000;
  EXPECT_LT(distance(reference(in, true), run(in)), 1e-2);
}

std::vector<Level> levels() {
  std::vector<Level> all;
  for (const CpuLevel level : {CpuLevel::kPortable, CpuLevel::kAvx2, CpuLevel::kAvxVnni, CpuLevel::kAvx512}) {
    all.push_back({cpu_level_name(level), level, &int8_kernels_for(level)});
  }
#if defined(__x86_64__)
  all.push_back({"avxvnni_as_avx512", CpuLevel::kAvx512, &kInt8KernelsAvxVnniEvex});
#endif
  return all;
}

INSTANTIATE_TEST_SUITE_P(Levels, IntegerAttentionOfLevel, testing::ValuesIn(levels()),
                         [](const auto& level) { return std::string(level.param.name); });

}  // namespace
}  // namespace orthant
