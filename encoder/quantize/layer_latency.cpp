#include "encoder/quantize/layer_latency.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/aligned_array.h"
#include "encoder/kernels/linear.h"
#include "encoder/quantize/trial_model.h"

namespace orthant {
namespace {

constexpr int kRuns = 7;

struct PackedLayers {
  WeightArena arena;
  std::vector<std::unique_ptr<const Linear>> layers;
  std::size_t widest = 0;
};

void pack(std::span<const LinearWeights* const> layers, CpuLevel level, PackedLayers& packed) {
  for (const LinearWeights* layer : layers) {
    packed.layers.push_back(Linear::make(*layer, {}, Activation::kNone, level, packed.arena));
    packed.widest = std::max({packed.widest, layer->inputs, layer->outputs});
  }
}

// Seconds of each layer; the first run, which brings pages into place, is not counted.
std::vector<double> time_layers(const PackedLayers& packed, std::size_t rows) {
  AlignedArray<float> input(rows * packed.widest);
  AlignedArray<float> output(rows * packed.widest);
  for (std::size_t i = 0; i < input.size(); ++i) input.data()[i] = std::sin(static_cast<float>(i));
  LinearScratch scratch;
  std::vector<double> seconds(packed.layers.size());
  for (int run = 0; run <= kRuns; ++run) {
    for (std::size_t i = 0; i < packed.layers.size(); ++i) {
      const double start = thread_cpu_seconds();
      packed.layers[i]->apply(rows, input.data(), output.data(), scratch);
      const double elapsed = thread_cpu_seconds() - start;
      if (run > 0) seconds[i] = run == 1 ? elapsed : std::min(seconds[i], elapsed);
    }
  }
  return seconds;
}

}  // namespace

std::vector<LayerLatency> measure_layers(std::span<const LinearWeights* const> layers, CpuLevel level) {
  PackedLayers packed;
  pack(layers, level, packed);
  const std::vector<double> query = time_layers(packed, kQueryTokens);
  const std::vector<double> passage = time_layers(packed, kPassageTokens);
  std::vector<LayerLatency> latencies;
  for (std::size_t i = 0; i < query.size(); ++i) latencies.push_back({query[i], passage[i]});
  return latencies;
}

}  // namespace orthant
