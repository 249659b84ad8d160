#include "encoder/model/transformer.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "encoder/model/transformer_loader.h"

namespace orthant {
namespace {

// Rows that go through the feed-forward block at once: the intermediate values (rows x 4 hidden_size) stay in L2.
constexpr std::size_t kFeedForwardRows = 128;

// Of the four products of a layer; each starts on a cache line.
std::size_t packed_floats_per_layer(const TransformerConfig& config) {
  return Workspace::rounded(3 * config.hidden_size * config.hidden_size) +
         Workspace::rounded(config.hidden_size * config.hidden_size) +
         2 * Workspace::rounded(config.hidden_size * config.intermediate_size);
}

// Keeps a configuration that lies from asking for all memory: a weight takes two bytes in the file at least.
Status check_room_for_layers(const SafeTensors& weights, const TransformerConfig& config) {
  const std::size_t count =
      config.layers * (4 * config.hidden_size * config.hidden_size + 2 * config.hidden_size * config.intermediate_size);
  if (count * 2 <= weights.bytes().size()) return {};
  return data_corruption(fmt::format("{}: {} bytes cannot hold the {} weights of the {} layers that config.json states",
                                     weights.file().string(), weights.bytes().size(), count, config.layers));
}

}  // namespace

struct Transformer::Activations {
  std::size_t tokens = 0;
  float* hidden = nullptr;           // tokens x hidden_size
  float* query_key_value = nullptr;  // tokens x 3 hidden_size
  float* context = nullptr;          // tokens x hidden_size
  float* projected = nullptr;        // tokens x hidden_size
  float* intermediate = nullptr;     // kFeedForwardRows x intermediate_size
  float* scratch = nullptr;          // for attention
};

class Transformer::Loader {
 public:
  // The packed weights go to `memory`, packed_floats_per_layer() floats a layer.
  Loader(const SafeTensors& file, std::string prefix, const TransformerConfig& config, const FloatKernels& kernels,
         std::span<float> memory)
      : tensors_(file, std::move(prefix)), config_(config), kernels_(kernels), memory_(memory) {}

  Status embeddings(Transformer& model) {
    const std::size_t hidden = config_.hidden_size;
    model.word_embeddings_ = ORTHANT_TRY(
        tensors_.matrix_view("embeddings.word_embeddings.weight", config_.vocabulary_size, hidden, model.word_storage_));
    model.position_embeddings_ =
        ORTHANT_TRY(tensors_.matrix("embeddings.position_embeddings.weight", config_.max_positions, hidden));
    model.token_type_row_ = ORTHANT_TRY(tensors_.matrix("embeddings.token_type_embeddings.weight", config_.token_types, hidden));
    model.token_type_row_.resize(hidden);
    model.embedding_norm_ = ORTHANT_TRY(norm("embeddings.LayerNorm"));
    return {};
  }

  Result<Layer> layer(std::size_t index) {
    const std::string name = fmt::format("encoder.layer.{}.", index);
    const std::size_t hidden = config_.hidden_size;
    Layer layer;
    layer.query_key_value = new_linear(3 * hidden, hidden);
    std::size_t first = 0;
    for (const char* part : {"query", "key", "value"}) {
      const std::string part_name = name + "attention.self." + part;
      ORTHANT_TRY(tensors_.pack(part_name, first, hidden, layer.query_key_value));
      const std::vector<float> bias = ORTHANT_TRY(tensors_.vector(part_name + ".bias", hidden));
      layer.query_key_value_bias.insert(layer.query_key_value_bias.end(), bias.begin(), bias.end());
      first += hidden;
    }
    ORTHANT_TRY(linear(name + "attention.output.dense", hidden, hidden, layer.attention_output, layer.attention_output_bias));
    layer.attention_norm = ORTHANT_TRY(norm(name + "attention.output.LayerNorm"));
    ORTHANT_TRY(
        linear(name + "intermediate.dense", config_.intermediate_size, hidden, layer.intermediate, layer.intermediate_bias));
    ORTHANT_TRY(linear(name + "output.dense", hidden, config_.intermediate_size, layer.output, layer.output_bias));
    layer.output_norm = ORTHANT_TRY(norm(name + "output.LayerNorm"));
    return layer;
  }

  std::size_t parameters() const { return tensors_.parameters(); }

 private:
  PackedLinear new_linear(std::size_t outputs, std::size_t inputs) {
    const PackedLinear linear(kernels_, outputs, inputs, memory_);
    memory_ = memory_.subspan(Workspace::rounded(outputs * inputs));
    return linear;
  }

  // Older files call the two halves of a norm gamma and beta.
  Result<NormWeights> norm(const std::string& name) {
    const bool old_names = tensors_.has(name + ".gamma");
    NormWeights weights;
    weights.gamma = ORTHANT_TRY(tensors_.vector(name + (old_names ? ".gamma" : ".weight"), config_.hidden_size));
    weights.beta = ORTHANT_TRY(tensors_.vector(name + (old_names ? ".beta" : ".bias"), config_.hidden_size));
    return weights;
  }

  Status linear(const std::string& name, std::size_t outputs, std::size_t inputs, PackedLinear& packed, std::vector<float>& bias) {
    packed = new_linear(outputs, inputs);
    ORTHANT_TRY(tensors_.pack(name, 0, outputs, packed));
    bias = ORTHANT_TRY(tensors_.vector(name + ".bias", outputs));
    return {};
  }

  BertTensors tensors_;
  const TransformerConfig& config_;
  const FloatKernels& kernels_;
  std::span<float> memory_;  // what is left of it
};

Result<Transformer> Transformer::load(SafeTensors weights, const TransformerConfig& config, const FloatKernels& kernels) {
  Transformer model;
  model.config_ = config;
  model.kernels_ = &kernels;
  model.weights_ = std::make_unique<SafeTensors>(std::move(weights));
  const bool prefixed = model.weights_->find("bert.embeddings.word_embeddings.weight") != nullptr;
  // The sizes are only believed once the embeddings have the shapes that the configuration states.
  Loader embeddings(*model.weights_, prefixed ? "bert." : "", model.config_, kernels, {});
  ORTHANT_TRY(embeddings.embeddings(model));
  ORTHANT_TRY(check_room_for_layers(*model.weights_, config));
  model.packed_weights_ = AlignedArray<float>(config.layers * packed_floats_per_layer(config));
  Loader loader(*model.weights_, prefixed ? "bert." : "", model.config_, kernels, model.packed_weights_.span());
  for (std::size_t i = 0; i < config.layers; ++i) model.layers_.push_back(ORTHANT_TRY(loader.layer(i)));
  model.parameter_count_ = embeddings.parameters() + loader.parameters();
  // Everything but the word embeddings has been copied; those come back page by page.
  model.weights_->release_pages();
  return model;
}

std::size_t Transformer::memory_bytes() const {
  return (word_embeddings_.size() + position_embeddings_.size() + packed_weights_.size()) * sizeof(float);
}

Status Transformer::check(std::span<const std::span<const std::uint32_t>> sequences) const {
  for (const std::span<const std::uint32_t> ids : sequences) {
    if (ids.empty() || ids.size() > config_.max_positions) {
      return invalid_argument(fmt::format("a text of {} tokens: expected 1 to {}", ids.size(), config_.max_positions));
    }
    const std::uint32_t highest = *std::max_element(ids.begin(), ids.end());
    if (highest >= config_.vocabulary_size) {
      return invalid_argument(fmt::format("token id {}: the model has {} words", highest, config_.vocabulary_size));
    }
  }
  return {};
}

Transformer::Activations Transformer::prepare(std::span<const std::span<const std::uint32_t>> sequences,
                                              Workspace& workspace) const {
  Activations activations;
  std::size_t longest = 0;
  for (const auto ids : sequences) {
    activations.tokens += ids.size();
    longest = std::max(longest, ids.size());
  }
  const std::size_t block = activations.tokens * config_.hidden_size;
  const std::size_t intermediate = std::min(kFeedForwardRows, activations.tokens) * config_.intermediate_size;
  const std::size_t scratch = attention_scratch_floats(longest, config_.hidden_size / config_.heads);
  workspace.reset(3 * Workspace::rounded(block) + Workspace::rounded(3 * block) + Workspace::rounded(intermediate) +
                  Workspace::rounded(scratch));
  activations.hidden = workspace.take(block);
  activations.query_key_value = workspace.take(3 * block);
  activations.context = workspace.take(block);
  activations.projected = workspace.take(block);
  activations.intermediate = workspace.take(intermediate);
  activations.scratch = workspace.take(scratch);
  return activations;
}

Result<std::span<const float>> Transformer::forward(std::span<const std::span<const std::uint32_t>> sequences,
                                                    Workspace& workspace) const {
  ORTHANT_TRY(check(sequences));
  const Activations activations = prepare(sequences, workspace);
  embed(sequences, activations);
  for (const Layer& layer : layers_) {
    attend(layer, sequences, activations);
    feed_forward(layer, activations);
  }
  return std::span<const float>(activations.hidden, activations.tokens * config_.hidden_size);
}

// word + position + token type, then the norm.
void Transformer::embed(std::span<const std::span<const std::uint32_t>> sequences, const Activations& activations) const {
  const std::size_t hidden = config_.hidden_size;
  float* row = activations.hidden;
  for (const auto ids : sequences) {
    for (std::size_t position = 0; position < ids.size(); ++position, row += hidden) {
      kernels_->residual_norm({.input = word_embeddings_.data() + ids[position] * hidden,
                               .bias = token_type_row_.data(),
                               .residual = position_embeddings_.data() + position * hidden,
                               .gamma = embedding_norm_.gamma.data(),
                               .beta = embedding_norm_.beta.data(),
                               .epsilon = config_.layer_norm_epsilon,
                               .rows = 1,
                               .columns = hidden,
                               .output = row});
    }
  }
}

void Transformer::attend(const Layer& layer, std::span<const std::span<const std::uint32_t>> sequences,
                         const Activations& activations) const {
  const std::size_t hidden = config_.hidden_size;
  const std::size_t head_dim = hidden / config_.heads;
  layer.query_key_value.multiply(activations.tokens, activations.hidden, activations.query_key_value);
  kernels_->bias_activation(activations.tokens, 3 * hidden, layer.query_key_value_bias.data(), Activation::kNone,
                            activations.query_key_value, 3 * hidden);
  std::size_t first_token = 0;
  for (const auto ids : sequences) {
    const float* rows = activations.query_key_value + first_token * 3 * hidden;
    for (std::size_t start = 0; start < hidden; start += head_dim) {
      kernels_->attention({.query = rows + start,
                           .key = rows + hidden + start,
                           .value = rows + 2 * hidden + start,
                           .stride = 3 * hidden,
                           .tokens = ids.size(),
                           .head_dim = head_dim,
                           .scale = 1.0F / std::sqrt(static_cast<float>(head_dim)),
                           .output = activations.context + first_token * hidden + start,
                           .output_stride = hidden,
                           .scratch = activations.scratch});
    }
    first_token += ids.size();
  }
  layer.attention_output.multiply(activations.tokens, activations.context, activations.projected);
  add_and_norm(activations.tokens, activations.projected, layer.attention_output_bias, layer.attention_norm, activations.hidden);
}

void Transformer::feed_forward(const Layer& layer, const Activations& activations) const {
  const std::size_t hidden = config_.hidden_size;
  for (std::size_t first = 0; first < activations.tokens; first += kFeedForwardRows) {
    const std::size_t rows = std::min(kFeedForwardRows, activations.tokens - first);
    float* block = activations.hidden + first * hidden;
    layer.intermediate.multiply(rows, block, activations.intermediate);
    kernels_->bias_activation(rows, config_.intermediate_size, layer.intermediate_bias.data(), config_.activation,
                              activations.intermediate, config_.intermediate_size);
    layer.output.multiply(rows, activations.intermediate, activations.projected);
    add_and_norm(rows, activations.projected, layer.output_bias, layer.output_norm, block);
  }
}

void Transformer::add_and_norm(std::size_t rows, const float* input, const std::vector<float>& bias, const NormWeights& norm,
                               float* residual) const {
  kernels_->residual_norm({.input = input,
                           .bias = bias.data(),
                           .residual = residual,
                           .gamma = norm.gamma.data(),
                           .beta = norm.beta.data(),
                           .epsilon = config_.layer_norm_epsilon,
                           .rows = rows,
                           .columns = config_.hidden_size,
                           .output = residual});
}

}  // namespace orthant
