// Fake quantization of linear layers: gradients against PyTorch's own and finite differences, integers against the encoder's.

#include "encoder/training/quantized_linear.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "encoder/kernels/int8_range.h"
#include "encoder/kernels/linear.h"
#include "encoder/quantize/convert_weights.h"
#include "encoder/training/learned_grid.h"
#include "tests/encoder/training/training_fixtures.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

constexpr std::int64_t kOutputs = 6;
constexpr std::int64_t kInputs = 128;
constexpr std::int64_t kTokens = 9;

class QuantizedLinears : public testing::Test {
 protected:
  void SetUp() override {
    at::manual_seed(test::random_seed());
    weight_ = at::randn({kOutputs, kInputs}).set_requires_grad(true);
    input_ = at::randn({kTokens, kInputs}).set_requires_grad(true);
  }

  static LayerScheme scheme(WeightPrecision precision) { return {.precision = precision}; }
  // A step of training that shows the layer its input.
  static void calibrate(QuantizedLinear& linear, const at::Tensor& input, const at::Tensor& weight) {
    linear.set_calibrating(true);
    linear(input.detach(), weight.detach());
    linear.set_calibrating(false);
    linear.step_done(0);
  }
  // The encoder's product of the layer that training made.
  static at::Tensor encoded(const LinearWeights& layer, const at::Tensor& input) {
    WeightArena arena;
    const auto linear = Linear::make(layer, {}, Activation::kNone, CpuLevel::kPortable, arena);
    LinearScratch scratch;
    at::Tensor output = at::empty({input.size(0), static_cast<std::int64_t>(layer.outputs)});
    linear->apply(static_cast<std::size_t>(input.size(0)), input.data_ptr<float>(), output.data_ptr<float>(), scratch);
    return output;
  }

  at::Tensor weight_;
  at::Tensor input_;
};

// PyTorch has the same rounding for one zero point and range a channel; its gradient of the scale is scaled by a factor that is
// given. Between the end of the range and half a step beyond, its values count as inside; here, as in the paper, they do not.
TEST_F(QuantizedLinears, LearnedGridHasTheGradientsOfPyTorchsOwn) {
  constexpr std::int64_t kRows = 5;
  constexpr std::int64_t kLength = 16;
  at::Tensor values = at::randn({kRows, kLength});
  at::Tensor steps = (at::rand({kRows, 1}) * 0.2 + 0.05).set_requires_grad(true);
  const at::Tensor zero = at::full({kRows, 1}, 6.0);
  const at::Tensor scaled = values / steps.detach();
  const at::Tensor between =
      at::logical_or(at::logical_and(scaled > 9.0, scaled < 9.6), at::logical_and(scaled<-6.0, scaled> - 6.6));
  values = at::where(between, values * 2.0, values).set_requires_grad(true);
  const at::Tensor codes = (at::clamp(at::round(values.detach() / steps.detach()) + zero, 0.0, 15.0) - zero);
  const at::Tensor factors = at::randn({kRows, kLength});
  const at::Tensor ours = on_learned_grid(values, steps, codes, -zero, 15.0 - zero);
  torch::autograd::backward({(ours * factors).sum()}, {});
  at::Tensor their_values = values.detach().clone().set_requires_grad(true);
  at::Tensor their_steps = steps.detach().reshape({kRows}).clone().set_requires_grad(true);
  const double scale = 1.0 / std::sqrt(static_cast<double>(kLength) * 9.0);
  const at::Tensor theirs =
      at::_fake_quantize_learnable_per_channel_affine(their_values, their_steps, zero.reshape({kRows}), 0, 0, 15, scale);
  torch::autograd::backward({(theirs * factors).sum()}, {});
  EXPECT_TRUE(at::allclose(ours.detach(), theirs.detach(), 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(values.grad(), their_values.grad(), 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(steps.grad().reshape({kRows}), their_steps.grad(), 1e-4, 1e-4));
}

// With the rounding itself held still, what is left is differentiable: (clamped value / step + a constant) * step.
TEST_F(QuantizedLinears, LearnedGridHasTheGradientsOfFiniteDifferencesButForTheRounding) {
  constexpr std::int64_t kLength = 12;
  const at::Tensor values = at::randn({1, kLength}, at::kDouble);
  const at::Tensor step = at::full({1, 1}, 0.13, at::kDouble);
  const at::Tensor lowest = at::full({1, 1}, -7.0, at::kDouble);
  const at::Tensor highest = at::full({1, 1}, 8.0, at::kDouble);
  const at::Tensor codes = at::clamp(at::round(values / step), -7.0, 8.0);
  const at::Tensor rounding = codes - at::clamp(values / step, -7.0, 8.0);
  const at::Tensor factors = at::randn({1, kLength}, at::kDouble);
  const auto still = [&](const at::Tensor& x, const at::Tensor& s) {
    return ((at::clamp(x / s, -7.0, 8.0) + rounding) * s * factors).sum();
  };
  at::Tensor x = values.clone().set_requires_grad(true);
  at::Tensor s = step.clone().set_requires_grad(true);
  torch::autograd::backward({(on_learned_grid(x, s, codes, lowest, highest) * factors).sum()}, {});
  constexpr double kMove = 1e-7;
  const double by_step = (still(values, step + kMove) - still(values, step - kMove)).item<double>() / (2 * kMove);
  EXPECT_NEAR(s.grad().item<double>(), by_step / std::sqrt(8.0 * kLength), 1e-5);
  for (std::int64_t i = 0; i < kLength; ++i) {
    at::Tensor moved = at::zeros({1, kLength}, at::kDouble);
    moved[0][i] = kMove;
    const double expected = (still(values + moved, step) - still(values - moved, step)).item<double>() / (2 * kMove);
    EXPECT_NEAR(x.grad()[0][i].item<double>(), expected, 1e-5);
  }
}

TEST_F(QuantizedLinears, FittedScalesAreThoseOfTheEncoder) {
  for (const WeightPrecision precision : {WeightPrecision::kInt8, WeightPrecision::kInt4, WeightPrecision::kNf4}) {
    QuantizedLinear linear(scheme(precision), {}, weight_);
    const auto [input, weight] = linear(input_, weight_);
    EXPECT_TRUE(at::equal(input, input_));
    LinearWeights exact{kOutputs, kInputs, FloatWeights{{values_of(weight_).begin(), values_of(weight_).end()}}, {}, 0};
    EXPECT_TRUE(std::ranges::equal(values_of(weight.detach()), untransformed_weights(convert_weights(exact, precision))));
    weight_.mutable_grad() = at::Tensor();
    const at::Tensor factors = at::randn_like(weight_);
    torch::autograd::backward({(weight * factors).sum()}, {});
    EXPECT_TRUE(at::allclose(weight_.grad(), factors));
  }
}

// What training multiplies is what the encoder computes in integers, for every way to round.
TEST_F(QuantizedLinears, TheConvertedLayerComputesWhatTrainingDid) {
  for (const WeightPrecision precision : {WeightPrecision::kInt8, WeightPrecision::kInt4}) {
    for (const bool learned : {false, true}) {
      for (const TrainedActivations activations :
           {TrainedActivations::kDynamic, TrainedActivations::kStatic, TrainedActivations::kLearned}) {
        for (const bool rotate : {false, true}) {
          LayerScheme rounding = scheme(precision);
          rounding.rotate = rotate;
          QuantizationOptions options{.scheme = {}, .learned_scales = learned, .activations = activations, .plan = {}};
          QuantizedLinear linear(rounding, options, weight_);
          ParameterSet set;
          linear.add_parameters("layer", set);
          for (const Parameter& parameter : set.all()) {
            if (!parameter.name.starts_with("quantization.range")) parameter.tensor.detach().mul_(1.1);
          }
          if (activations != TrainedActivations::kDynamic) calibrate(linear, input_, weight_);
          const c10::NoGradGuard guard;
          const auto [input, weight] = linear(input_, weight_);
          const at::Tensor trained = at::linear(input, weight);
          const at::Tensor found = encoded(linear.converted(weight_), input_.detach());
          // A value on the border of two codes may fall either way: the float operations come in another order.
          const double apart = (trained - found).norm().item<double>() / trained.norm().item<double>();
          EXPECT_LT(apart, 0.01) << weight_precision_name(precision) << " learned " << learned << " rotate " << rotate;
          const double lost = (at::linear(input_, weight_) - found).norm().item<double>() / trained.norm().item<double>();
          EXPECT_GT(lost, apart);
        }
      }
    }
  }
}

TEST_F(QuantizedLinears, LearnedInt8CodesKeepTheBoundOfTheKernels) {
  QuantizationOptions options;
  options.learned_scales = true;
  // Rows of equal values: all codes of a set would be the highest.
  at::Tensor weight = at::ones({kOutputs, kInputs});
  LayerScheme rounding = scheme(WeightPrecision::kInt8);
  rounding.rotate = false;
  QuantizedLinear linear(rounding, options, weight);
  ParameterSet set;
  linear.add_parameters("layer", set);
  set.all()[0].tensor.detach().mul_(0.5);
  EXPECT_TRUE(within_pair_sums(std::get<Int8Weights>(linear.converted(weight).data), kInputs));
}

TEST_F(QuantizedLinears, LearnedScalesAndStepsGetGradients) {
  QuantizationOptions options;
  options.learned_scales = true;
  options.activations = TrainedActivations::kLearned;
  QuantizedLinear linear(scheme(WeightPrecision::kInt4), options, weight_);
  calibrate(linear, input_, weight_);
  ParameterSet set;
  linear.add_parameters("layer", set);
  ASSERT_EQ(set.all().size(), 3U);
  const auto [input, weight] = linear(input_, weight_);
  torch::autograd::backward({at::linear(input, weight).pow(2).sum()}, {});
  for (const Parameter& parameter : set.all()) {
    if (parameter.name == "quantization.range.layer") {
      EXPECT_FALSE(parameter.tensor.grad().defined());
    } else {
      EXPECT_GT(parameter.tensor.grad().abs().sum().item<double>(), 0) << parameter.name;
    }
  }
  EXPECT_GT(weight_.grad().abs().sum().item<double>(), 0);
  EXPECT_GT(input_.grad().abs().sum().item<double>(), 0);
}

double range_after(ActivationObserver observer, std::uint64_t freeze_after, std::span<const double> peaks) {
  QuantizationOptions options;
  options.activations = TrainedActivations::kStatic;
  options.observer = observer;
  options.freeze_after = freeze_after;
  LayerScheme rounding{.precision = WeightPrecision::kInt8, .rotate = false};
  const at::Tensor weight = at::randn({2, 16}).set_requires_grad(true);
  QuantizedLinear linear(rounding, options, weight);
  std::uint64_t steps = 0;
  for (const double peak : peaks) {
    at::Tensor input = at::zeros({1, 16});
    input[0][3] = peak;
    linear(input, weight);
    linear.step_done(++steps);
  }
  ParameterSet set;
  linear.add_parameters("layer", set);
  return set.all()[0].tensor.item<double>();
}

TEST_F(QuantizedLinears, ObserversFollowTheBatchesUntilTheyAreFrozen) {
  const std::vector<double> peaks = {2, 4, 1};
  EXPECT_NEAR(range_after(ActivationObserver::kMinMax, 0, peaks), 4, 1e-6);
  EXPECT_NEAR(range_after(ActivationObserver::kAverage, 0, peaks), 0.9 * (0.9 * 2 + 0.1 * 4) + 0.1, 1e-6);
  EXPECT_NEAR(range_after(ActivationObserver::kAverage, 2, peaks), 0.9 * 2 + 0.1 * 4, 1e-6);
  EXPECT_NEAR(range_after(ActivationObserver::kMinMax, 1, peaks), 2, 1e-6);
}

TEST_F(QuantizedLinears, ThePercentileLeavesTheRarestOut) {
  QuantizationOptions options;
  options.activations = TrainedActivations::kStatic;
  options.observer = ActivationObserver::kPercentile;
  const LayerScheme rounding{.precision = WeightPrecision::kInt8, .rotate = false};
  QuantizedLinear linear(rounding, options, weight_);
  at::Tensor input = at::ones({400, kInputs});
  input[7][7] = 1000.0;
  calibrate(linear, input, weight_);
  EXPECT_NEAR(linear.converted(weight_).activation_step * 63, 1, 1e-5);
}

// Nothing is observed where nothing is learned from: on the dev set, and on the first pass over a large batch.
TEST_F(QuantizedLinears, EvaluationMovesNoRanges) {
  QuantizationOptions options;
  options.activations = TrainedActivations::kStatic;
  options.observer = ActivationObserver::kMinMax;
  QuantizedLinear linear(scheme(WeightPrecision::kInt8), options, weight_);
  calibrate(linear, input_, weight_);
  const float step = linear.converted(weight_).activation_step;
  {
    const c10::NoGradGuard guard;
    linear(input_ * 10, weight_);
  }
  linear.step_done(1);
  EXPECT_EQ(linear.converted(weight_).activation_step, step);
}

}  // namespace
}  // namespace orthant
