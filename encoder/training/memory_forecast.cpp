#include "encoder/training/memory_forecast.h"

#include <algorithm>

#include <fmt/format.h>

#include "encoder/training/adam_w.h"

namespace orthant {
namespace {

// libtorch and its libraries, touched.
constexpr std::size_t kLibraryBytes = std::size_t{180} << 20;
// Buffers that products and gradients take beside what is kept: a few of the largest ones.
constexpr std::size_t kTransientBlocks = 3;
// Of all weights, where layers are trained for fewer bits: rounded, with the masks that gradients need; and at the end, while all
// is still held, the file, the weights as they are converted, and two encoders that are compared. Measured: 250 MiB more than one
// copy on a model of 87.
constexpr std::size_t kQuantizedCopies = 4;
// Fewer tokens at once are slower by more than they save.
constexpr std::size_t kFewestChunkTokens = 256;

// Floats that one block keeps of one token for its gradients: query, key, value and the scaled queries, context, both sums of the
// residual stream and their norms (and two to be safe), the intermediate values before and after their activation; of each head a
// row of probabilities.
std::size_t block_floats(const TransformerConfig& config, const TrainingOptions& options, std::size_t tokens_of_text) {
  const bool dropout = options.dropout > 0;
  const std::size_t streams = 3 + 1 + 1 + 4 + 2 + (dropout ? 2 : 0);
  const std::size_t scores = config.heads * tokens_of_text * (dropout ? 3 : 1);
  std::size_t floats = streams * config.hidden_size + 2 * config.intermediate_size + scores;
  // Adapters see dropped inputs of their own, and masks are a byte a value.
  if (options.lora.used() && options.lora.dropout > 0) floats += (3 * config.hidden_size + config.intermediate_size) * 5 / 4;
  if (options.lora.used()) floats += 6 * options.lora.rank;
  return floats;
}

std::size_t tensor_bytes(const at::Tensor& tensor) {
  return static_cast<std::size_t>(tensor.defined() ? tensor.numel() : 0) * sizeof(float);
}

std::size_t weight_bytes(const MemoryNeed& need) {
  std::size_t bytes = 0;
  for (const auto& other : need.model.transformer().others()) bytes += tensor_bytes(other.tensor);
  for (const auto& linear : need.model.transformer().linears()) bytes += tensor_bytes(linear.weight);
  if (need.model.lora() == nullptr) return std::max(bytes, need.parameters.value_count() * sizeof(float));
  return bytes + need.model.lora()->base_bytes() + need.parameters.value_count() * sizeof(float);
}

// Of moments in a file one parameter's at a time.
std::size_t optimizer_bytes(const ParameterSet& parameters, const MemoryOptions& memory) {
  std::size_t sum = 0;
  std::size_t largest = 0;
  for (const Parameter& parameter : parameters.all()) {
    const std::size_t bytes = AdamW::moment_bytes(memory.moments, static_cast<std::size_t>(parameter.tensor.numel()));
    sum += bytes;
    largest = std::max(largest, bytes);
  }
  return memory.paged_moments ? largest : sum;
}

// What the last step writes: merged weights are made whole, beside the file that the others come from.
std::size_t written_bytes(const MemoryNeed& need) {
  const LoraLinears* lora = need.model.lora();
  if (lora == nullptr || !lora->options().merge) return 0;
  std::size_t bytes = 0;
  for (const auto& linear : need.model.transformer().linears()) bytes += linear.tensors.outputs() * linear.tensors.inputs;
  return bytes * sizeof(float);
}

std::string figures(const MemoryForecast& forecast) {
  return fmt::format("{} MiB of memory (weights {}, gradients {}, optimizer {}, activations {}, other {})", forecast.all() >> 20,
                     forecast.weights >> 20, forecast.gradients >> 20, forecast.optimizer >> 20, forecast.activations >> 20,
                     forecast.other >> 20);
}

}  // namespace

MemoryForecast forecast_memory(const MemoryNeed& need, const TrainingOptions& options) {
  const TransformerConfig& config = need.model.config();
  const std::size_t trained = need.parameters.value_count();
  MemoryForecast forecast;
  forecast.weights = weight_bytes(need);
  forecast.gradients = trained * sizeof(float);
  forecast.optimizer = optimizer_bytes(need.parameters, options.memory);
  forecast.other = kLibraryBytes + need.data_bytes;
  if (options.weights != WeightPrecision::kFloat32) forecast.other += kQuantizedCopies * forecast.weights;
  if (!options.train_transformer) return forecast;
  const std::size_t tokens = std::max(std::min(options.chunk_tokens, need.batch_tokens), need.longest);
  const std::size_t block = block_floats(config, options, need.longest) * tokens * sizeof(float);
  const std::size_t blocks = config.layers.size();
  const std::size_t inputs = config.hidden_size * tokens * sizeof(float);
  // A block that is computed again holds gradients of what it kept beside it.
  forecast.activations = options.checkpointing ? block + block / 2 + blocks * inputs : block * blocks;
  if (options.bfloat16) {
    const LoraLinears* lora = need.model.lora();
    const std::size_t cast = lora != nullptr ? lora->largest_layer_bytes() : forecast.weights;
    forecast.activations += forecast.activations / 2 + cast / 2;
  }
  forecast.other += kTransientBlocks * config.intermediate_size * tokens * sizeof(float) + forecast.gradients / 2;
  if (need.model.lora() != nullptr) forecast.other += 2 * need.model.lora()->largest_layer_bytes();
  // Before and after activations: mapped word embeddings are let go of once they are looked up, weights are merged at the end.
  const std::size_t outside = std::max(need.model.transformer().mapped_bytes(), written_bytes(need));
  forecast.other += outside > forecast.activations ? outside - forecast.activations : 0;
  return forecast;
}

Result<std::string> fit_memory(const MemoryNeed& need, std::size_t limit, TrainingOptions& options) {
  const std::size_t budget = options.memory.budget;
  const auto fits = [&] { return budget == 0 || forecast_memory(need, options).all() <= budget; };
  const TrainingOptions given = options;
  if (!fits()) options.memory.paged_moments = true;
  // Smaller chunks cost one forward pass more, however small they are; so does checkpointing.
  while (!fits() && options.train_transformer && options.chunk_tokens / 2 >= std::max(kFewestChunkTokens, need.longest)) {
    options.chunk_tokens /= 2;
  }
  if (!fits() && options.train_transformer) options.checkpointing = true;
  // The file may not be needed any more.
  options.memory.paged_moments = given.memory.paged_moments;
  if (!fits()) options.memory.paged_moments = true;
  const MemoryForecast forecast = forecast_memory(need, options);
  const std::size_t most = budget != 0 ? std::min(budget, limit) : limit;
  if (forecast.all() > most) {
    return fail(
        ErrorCode::kResourceExhausted,
        fmt::format("training would take {}, there are {}{}: lower chunk_tokens ({} now) or max_seq_length, set "
                    "checkpointing, train without word_embeddings, or lora with moments 8bit",
                    figures(forecast), most >> 20, budget != 0 && budget == most ? " (memory_budget)" : "", options.chunk_tokens));
  }
  std::string done;
  const auto add = [&done](const std::string& text) { done += (done.empty() ? "" : ", ") + text; };
  if (options.memory.paged_moments != given.memory.paged_moments) add("moments in a file");
  if (options.checkpointing != given.checkpointing) add("checkpointing");
  if (options.chunk_tokens != given.chunk_tokens) add(fmt::format("chunk_tokens {}", options.chunk_tokens));
  return done;
}

}  // namespace orthant
