#pragma once
// How linear layers are rounded while a model is trained with fewer bits. Plain values.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "encoder/quantize/quantize_layer.h"

namespace orthant {

enum class TrainedActivations : std::uint8_t {
  kFloat,    // not rounded while training; dynamic afterwards
  kDynamic,  // each token its own step
  kStatic,   // one step a layer, observed
  kLearned,  // one step a layer, learned (LSQ) from what was observed at the start
};
// "float", "dynamic", "static" or "learned".
Result<TrainedActivations> parse_trained_activations(std::string_view name);

// What a batch's magnitudes make of the range of static activations.
enum class ActivationObserver : std::uint8_t {
  kAverage,     // moving average of the batches' largest
  kMinMax,      // the largest ever
  kPercentile,  // moving average of the batches' 99.99 %
};
// "average", "minmax" or "percentile".
Result<ActivationObserver> parse_activation_observer(std::string_view name);

struct QuantizationOptions {
  LayerScheme scheme;           // rotate, group_size and int4_scheme count; the precision is TrainingOptions::weights
  bool learned_scales = false;  // LSQ; else fitted at each step
  TrainedActivations activations = TrainedActivations::kFloat;
  ActivationObserver observer = ActivationObserver::kAverage;
  std::uint64_t freeze_after = 0;       // steps after which observed ranges stay; 0: never
  std::size_t calibration_texts = 100;  // training texts that ranges start from, and that the conversion is measured on
  double scale_rate = 1e-3;             // learning rate of learned factors: 1 is where they start
  // Weights kMixed: a scheme a layer by name; layers that are not named stay float32.
  std::vector<std::pair<std::string, LayerScheme>> plan;
};

// What becomes of a model that was trained in int8, int4 or mixed weights.
struct ConversionOptions {
  bool wanted = true;            // OUTPUT/quantized is written
  double tolerable_loss = 0.01;  // share of the dev metric that integers may lose against the same weights in float32
  bool step_back = true;         // layers get bits back until the loss is tolerable; else it is refused
};

}  // namespace orthant
