#include "encoder/training/training_checks.h"

#include <string_view>

#include <fmt/format.h>

namespace orthant {
namespace {

// Neighbours among fewer say nothing.
constexpr std::size_t kFewestCalibrationTexts = 12;

// Which examples each loss can do something with.
Status check_loss(const TrainingOptions& options, ExampleKind kind) {
  const auto refuse = [&](std::string_view expected) {
    return invalid_argument(
        fmt::format("loss: {} wants {}, the data are {}", loss_kind_name(options.loss.kind), expected, example_kind_name(kind)));
  };
  switch (options.loss.kind) {
    case LossKind::kContrastive:
    case LossKind::kBpr: return kind == ExampleKind::kPairs ? Status() : refuse("pairs");
    case LossKind::kCosent:
    case LossKind::kCosine: return kind == ExampleKind::kScored ? Status() : refuse("scored");
    case LossKind::kCrossEntropy:
      if (kind != ExampleKind::kLabels) return refuse("labels");
      if (options.head.kind != HeadKind::kLabels) return invalid_argument("loss: cross_entropy wants a head of kind labels");
      return {};
    case LossKind::kDistillation: return kind == ExampleKind::kPairs || kind == ExampleKind::kTexts ? Status() : refuse("texts");
  }
  return {};
}

Status check_numbers(const TrainingOptions& options) {
  const auto refuse = [](std::string_view field, double found, std::string_view expected) {
    return invalid_argument(fmt::format("{}: found {}, expected {}", field, found, expected));
  };
  if (options.batch_size < 2) return refuse("batch_size", static_cast<double>(options.batch_size), "2 or more");
  if (options.accumulate < 1) return refuse("accumulate", 0, "1 or more");
  if (options.chunk_tokens < 1) return refuse("chunk_tokens", 0, "1 or more");
  if (!(options.epochs > 0 && options.epochs < 1e6)) return refuse("epochs", options.epochs, "a number above 0");
  if (!(options.learning_rate > 0 && options.learning_rate < 10)) {
    return refuse("learning_rate", options.learning_rate, "a number above 0");
  }
  if (!(options.dropout >= 0 && options.dropout < 1)) return refuse("dropout", options.dropout, "0 to below 1");
  if (!(options.warmup >= 0 && options.warmup <= 1)) return refuse("warmup", options.warmup, "a share from 0 to 1");
  if (!(options.clip > 0)) return refuse("clip", options.clip, "a number above 0");
  if (!(options.loss.temperature > 0)) return refuse("temperature", options.loss.temperature, "a number above 0");
  if (options.loss.distillation < 0) return refuse("distillation", options.loss.distillation, "0 or more");
  if (options.checkpoint_every == 0) return refuse("checkpoint_every", 0, "1 or more");
  double weights = 0;
  for (const FormWeight& form : options.loss.forms) weights += form.weight;
  if (!(weights > 0)) return refuse("forms", weights, "weights of a sum above 0");
  if (options.weights == WeightPrecision::kAuto) {
    return invalid_argument("weights: expected float32, bfloat16, float16, int8, int4, nf4 or mixed");
  }
  if ((options.weights == WeightPrecision::kMixed) == options.quantization.plan.empty()) {
    return invalid_argument("quantization.plan: weights mixed want a plan of layers, and no other weights do");
  }
  if (!(options.quantization.scale_rate > 0)) return refuse("quantization.scale_rate", options.quantization.scale_rate, "above 0");
  if (options.quantization.calibration_texts < kFewestCalibrationTexts) {
    return refuse("quantization.calibration", static_cast<double>(options.quantization.calibration_texts),
                  fmt::format("{} or more", kFewestCalibrationTexts));
  }
  if (!(options.conversion.tolerable_loss >= 0 && options.conversion.tolerable_loss <= 1)) {
    return refuse("convert.tolerable_loss", options.conversion.tolerable_loss, "a share from 0 to 1");
  }
  if (options.weights != WeightPrecision::kFloat32 && !options.train_transformer) {
    return invalid_argument("weights: the transformer is not trained, so that its precision would change nothing");
  }
  ORTHANT_TRY(check_lora(options.lora));
  if (options.lora.used() && (options.weights != WeightPrecision::kFloat32 || !options.train_transformer)) {
    return invalid_argument("lora: adapters are trained over frozen weights (lora.base), with train: all and weights: float32");
  }
  if (!options.train_transformer && options.head.kind == HeadKind::kNone) {
    return invalid_argument("head: nothing would be trained: neither the transformer nor a head");
  }
  return {};
}

}  // namespace

Status check_options(const TrainingOptions& options, ExampleKind kind) {
  ORTHANT_TRY(check_numbers(options));
  return check_loss(options, kind);
}

}  // namespace orthant
