#include "encoder/training/memory_forecast.h"

#include <algorithm>

namespace orthant {
namespace {

// libtorch and its libraries, touched.
constexpr std::size_t kLibraryBytes = std::size_t{300} << 20;
// Buffers that products and gradients take beside what is kept: a few of the largest ones.
constexpr std::size_t kTransientBlocks = 3;

// Floats that one block keeps of one token for its gradients: query, key, value (as made, and as heads), context, two sums and two
// norms of the residual stream, the intermediate values before and after their activation; of each head a row of probabilities.
std::size_t block_floats(const TransformerConfig& config, std::size_t tokens_of_text, bool dropout) {
  const std::size_t streams = 3 + 3 + 2 + (dropout ? 8 : 6);
  const std::size_t scores = config.heads * tokens_of_text * (dropout ? 3 : 2);
  return streams * config.hidden_size + 2 * config.intermediate_size + scores;
}

}  // namespace

MemoryForecast forecast_memory(const TrainableEncoder& model, const ParameterSet& parameters, const TrainingOptions& options,
                               std::size_t longest, std::size_t data_bytes) {
  const TransformerConfig& config = model.config();
  std::size_t model_values = 0;
  for (const auto& other : model.transformer().others()) model_values += static_cast<std::size_t>(other.tensor.numel());
  for (const auto& linear : model.transformer().linears()) model_values += static_cast<std::size_t>(linear.weight.numel());
  const std::size_t trained = parameters.value_count();
  MemoryForecast forecast;
  forecast.weights = std::max(model_values, trained) * sizeof(float);
  forecast.gradients = trained * sizeof(float);
  forecast.optimizer = 2 * trained * sizeof(float);
  // A file is mapped or written while all of these are held.
  forecast.other = kLibraryBytes + data_bytes;
  if (options.weights != WeightPrecision::kFloat32) forecast.other += forecast.weights;
  if (!options.train_transformer) return forecast;
  const std::size_t tokens = std::max(options.chunk_tokens, longest);
  const std::size_t block = block_floats(config, longest, options.dropout > 0) * tokens * sizeof(float);
  const std::size_t blocks = config.layers.size();
  const std::size_t inputs = config.hidden_size * tokens * sizeof(float);
  forecast.activations = options.checkpointing ? block + blocks * inputs : block * blocks;
  if (options.bfloat16) forecast.activations += forecast.activations / 2 + forecast.weights / 2;
  forecast.other += kTransientBlocks * config.intermediate_size * tokens * sizeof(float) + forecast.gradients / 2;
  return forecast;
}

}  // namespace orthant
