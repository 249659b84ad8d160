// Moments in 8 bits and in files: codes against the definition, and runs against those with float32 moments in memory.

#include "encoder/training/adam_w.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "encoder/training/moment_codes.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

// The dynamic data type as its authors' package builds it: powers of ten, each cut into twice the steps of the one below, means of
// neighbouring bounds; 0 and 1.
std::vector<double> expected_values(bool is_signed) {
  std::vector<double> values = {0, 1};
  for (int exponent = 0; exponent < 7; ++exponent) {
    const int bounds = (is_signed ? 1 << exponent : 2 << exponent) + 1;
    for (int i = 0; i + 1 < bounds; ++i) {
      const double low = 0.1 + 0.9 * i / (bounds - 1);
      const double high = 0.1 + 0.9 * (i + 1) / (bounds - 1);
      values.push_back(std::pow(10.0, exponent - 6) * (low + high) / 2);
      if (is_signed) values.push_back(-values.back());
    }
  }
  std::ranges::sort(values);
  return values;
}

TEST(MomentCodes, AreTheNearestOfTheDynamicValues) {
  std::mt19937_64 generator(test::random_seed());
  std::normal_distribution<float> normal;
  for (const MomentSign sign : {MomentSign::kSigned, MomentSign::kPositive}) {
    const std::vector<double> values = expected_values(sign == MomentSign::kSigned);
    ASSERT_EQ(values.size(), 256U);
    for (std::size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(dynamic_values(sign)[i], values[i], 1e-6 * std::abs(values[i]));
    std::vector<float> moments(200);
    for (float& moment : moments) {
      moment = normal(generator) * std::exp(3 * normal(generator));
      if (sign == MomentSign::kPositive) moment *= moment;
    }
    std::vector<std::uint8_t> codes(moments.size());
    const float scale = encode_moments(sign, moments, codes.data());
    std::vector<float> decoded(moments.size());
    decode_moments(sign, codes, scale, decoded.data());
    for (std::size_t i = 0; i < moments.size(); ++i) {
      double nearest = INFINITY;
      for (const double value : values) nearest = std::min(nearest, std::abs(value * scale - moments[i]));
      // What would have become 0 takes the smallest value.
      const double bound = sign == MomentSign::kPositive && codes[i] == 1 ? values[1] * scale : nearest;
      EXPECT_LE(std::abs(decoded[i] - moments[i]), bound * 1.0001 + 1e-7 * scale);
      EXPECT_TRUE(sign == MomentSign::kSigned || moments[i] == 0 || decoded[i] > 0);
    }
  }
  const std::vector<float> zeros(5);
  std::vector<std::uint8_t> codes(5);
  std::vector<float> decoded(5, 1.0F);
  decode_moments(MomentSign::kSigned, codes, encode_moments(MomentSign::kSigned, zeros, codes.data()), decoded.data());
  EXPECT_EQ(decoded, zeros);
}

// Goes down from 0 to `target` with gradients scaled by `curvature`; gives the mean distance that is left.
double distance_after(AdamW& optimizer, ParameterSet& set, const at::Tensor& target, const at::Tensor& curvature, int steps) {
  const at::Tensor value = set.all()[0].tensor;
  for (int step = 0; step < steps; ++step) {
    set.all()[0].tensor.mutable_grad() = (value.detach() - target) * curvature + at::randn({5000}) * 0.01;
    optimizer.step(0.05 * rate_share(static_cast<std::uint64_t>(step), 10, 200));
  }
  return (value.detach() - target).abs().mean().item<double>();
}

TEST(AdamW, WithMomentsInEightBitsGoesWhereFloatsGo) {
  std::vector<double> left;
  for (const MomentForm form : {MomentForm::kFloat32, MomentForm::kDynamic8}) {
    at::manual_seed(test::sample_seed());
    ParameterSet set;
    set.add("values", at::zeros({5000}), false);
    AdamW optimizer(set, {.weight_decay = 0, .moments = form});
    const at::Tensor curvature = at::exp(at::randn({5000}));
    left.push_back(distance_after(optimizer, set, at::randn({5000}), curvature, 200));
  }
  EXPECT_LT(left[0], 0.1);  // of about .8
  EXPECT_LT(left[1], 1.1 * left[0] + 0.01);
  EXPECT_LT(AdamW::moment_bytes(MomentForm::kDynamic8, 1 << 20), AdamW::moment_bytes(MomentForm::kFloat32, 1 << 20) * 26 / 100);
  // Small tensors are not worth the error.
  EXPECT_EQ(AdamW::moment_bytes(MomentForm::kDynamic8, 1000), AdamW::moment_bytes(MomentForm::kFloat32, 1000));
}

TEST(AdamW, MomentsInAFileAreTheSameToTheBit) {
  const test::TemporaryDirectory directory;
  for (const MomentForm form : {MomentForm::kFloat32, MomentForm::kDynamic8}) {
    std::vector<at::Tensor> results;
    std::vector<std::string> states;
    for (const bool paged : {false, true}) {
      at::manual_seed(5);
      ParameterSet set;
      for (const char* name : {"a", "b"}) set.add(name, at::randn({70, 100}), true);
      AdamW optimizer(set, {.moments = form});
      if (paged) {
        ASSERT_TRUE(optimizer.page_to(directory.path()).has_value());
      }
      for (int step = 0; step < 5; ++step) {
        for (const Parameter& parameter : set.all()) {
          at::Tensor tensor = parameter.tensor;
          tensor.mutable_grad() = at::randn({70, 100});
        }
        optimizer.step(0.01);
      }
      results.push_back(at::stack({set.all()[0].tensor.detach(), set.all()[1].tensor.detach()}));
      states.emplace_back();
      for (const std::size_t i : {0, 1}) {
        for (const AdamW::Array& array : optimizer.arrays(i)) {
          states.back().append(reinterpret_cast<const char*>(array.bytes.data()), array.bytes.size());
        }
      }
      EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
    }
    EXPECT_TRUE(at::equal(results[0], results[1]));
    EXPECT_TRUE(states[0] == states[1]);
    EXPECT_GE(states[0].size(), 2 * 2 * 7000U);
  }
  ParameterSet set;
  set.add("a", at::zeros({8}), true);
  AdamW optimizer(set, {});
  const Status refused = optimizer.page_to(directory.path() / "nowhere");
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("nowhere"), std::string::npos);
}

}  // namespace
}  // namespace orthant
