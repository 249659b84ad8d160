#include "encoder/model/transformer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "encoder/kernels/float_dispatch.h"
#include "encoder/kernels/int8_dispatch.h"
#include "encoder/model/relative_bias.h"
#include "encoder/model/transformer_loader.h"

namespace orthant {
namespace {

// What the rows that go through the feed-forward block at once may take in intermediate values: these stay about L2, and the
// weights are read as seldom as that allows (128 rows instead of 64 are 2 % faster at 384 x 1536, 96 at 768 x 3072).
constexpr std::size_t kIntermediateBytes = std::size_t{1200} << 10;
constexpr std::size_t kMinFeedForwardRows = 48;
constexpr std::size_t kMaxFeedForwardRows = 128;

std::size_t feed_forward_rows(const TransformerConfig& config) {
  const std::size_t row_bytes = config.intermediate_size * (config.gated ? 2 : 1) * sizeof(float);
  return std::clamp(kIntermediateBytes / row_bytes / 8 * 8, kMinFeedForwardRows, kMaxFeedForwardRows);
}

void add_row(const float* row, std::size_t count, float* values) {
  for (std::size_t i = 0; i < count; ++i) values[i] += row[i];
}

}  // namespace

struct Transformer::Activations {
  Workspace* workspace = nullptr;
  std::size_t tokens = 0;
  float* hidden = nullptr;           // tokens x hidden_size: the residual sums
  float* normed = nullptr;           // tokens x hidden_size: what the next block reads; hidden itself in post-norm models
  float* query_key_value = nullptr;  // tokens x query_key_value_size()
  float* context = nullptr;          // tokens x heads x head_dim
  float* projected = nullptr;        // tokens x hidden_size
  float* intermediate = nullptr;     // feed_forward_rows() x outputs of the intermediate layer
  float* scratch = nullptr;          // for attention
};

Result<Transformer> Transformer::load(SafeTensors weights, const TransformerConfig& config, WeightPrecision precision,
                                      CpuLevel level) {
  Transformer model;
  model.config_ = config;
  model.level_ = level;
  model.kernels_ = &float_kernels_for(level);
  model.weights_ = std::make_unique<SafeTensors>(std::move(weights));
  model.arena_ = std::make_unique<WeightArena>();
  if (auto adapters = ORTHANT_TRY(LoraAdapters::open_if_there(model.weights_->file().parent_path()))) {
    model.adapters_ = std::make_unique<LoraAdapters>(std::move(*adapters));
  }
  Loader loader(model, precision);
  ORTHANT_TRY(loader.load());
  // Everything but the word embeddings has been copied; those come back page by page.
  model.weights_->release_pages();
  return model;
}

std::size_t Transformer::add_linear(LinearTensors tensors, const LinearWeights& weights, const LowRankUpdate* beside,
                                    std::vector<float> bias, Activation activation) {
  linears_.push_back(beside != nullptr ? make_adapted_linear(weights, *beside, bias, activation, level_, *arena_)
                                       : Linear::make(weights, bias, activation, level_, *arena_));
  infos_.push_back({tensors.name, weights.outputs, weights.inputs, weights.precision(), linears_.back()->memory_bytes()});
  tensors_.push_back(std::move(tensors));
  biases_.push_back(std::move(bias));
  activations_.push_back(activation);
  replaced_arenas_.emplace_back();
  return linears_.size() - 1;
}

Result<LinearWeights> Transformer::linear_weights(std::size_t linear) const {
  LinearWeights weights = ORTHANT_TRY(read_linear_weights(*weights_, tensors_[linear]));
  if (!adapters_) return weights;
  const auto update = ORTHANT_TRY(adapters_->update_for(tensors_[linear], prefix_));
  return update ? with_update(weights, *update) : std::move(weights);
}

void Transformer::replace_linear(std::size_t linear, const LinearWeights& weights) {
  auto arena = std::make_unique<WeightArena>(0);
  linears_[linear] = Linear::make(weights, biases_[linear], activations_[linear], level_, *arena);
  infos_[linear].precision = weights.precision();
  infos_[linear].memory_bytes = linears_[linear]->memory_bytes();
  replaced_arenas_[linear] = std::move(arena);
}

std::size_t Transformer::block_of(std::size_t linear) const {
  const auto holds = [linear](const Layer& layer) {
    return linear == layer.query_key_value || linear == layer.attention_output || linear == layer.intermediate ||
           linear == layer.output;
  };
  return static_cast<std::size_t>(std::ranges::find_if(layers_, holds) - layers_.begin());
}

WeightPrecision Transformer::precision() const {
  const WeightPrecision first = infos_.front().precision;
  const bool same = std::all_of(infos_.begin(), infos_.end(), [first](const LinearInfo& info) { return info.precision == first; });
  return same ? first : WeightPrecision::kMixed;
}

std::size_t Transformer::memory_bytes() const {
  std::size_t bytes = word_embeddings_.memory_bytes();
  bytes += (position_embeddings_.size() + token_type_embeddings_.size() + relative_bias_.size()) * sizeof(float);
  for (const LinearInfo& info : infos_) bytes += info.memory_bytes;
  return bytes;
}

Status Transformer::check(std::span<const TokenSequence> sequences) const {
  const std::size_t types = std::max(config_.token_types, std::size_t{1});
  for (const TokenSequence& sequence : sequences) {
    if (sequence.ids.empty() || sequence.ids.size() > config_.max_positions) {
      return invalid_argument(fmt::format("a text of {} tokens: expected 1 to {}", sequence.ids.size(), config_.max_positions));
    }
    const std::uint32_t highest = *std::max_element(sequence.ids.begin(), sequence.ids.end());
    if (highest >= config_.vocabulary_size) {
      return invalid_argument(fmt::format("token id {}: the model has {} words", highest, config_.vocabulary_size));
    }
    if (sequence.type_ids.empty() || token_type_embeddings_.empty()) continue;
    const std::size_t highest_type = *std::max_element(sequence.type_ids.begin(), sequence.type_ids.end());
    if (sequence.type_ids.size() != sequence.ids.size() || highest_type >= types) {
      return invalid_argument(fmt::format("{} type ids up to {} for {} tokens: the model has {} types", sequence.type_ids.size(),
                                          highest_type, sequence.ids.size(), types));
    }
  }
  return {};
}

Transformer::Activations Transformer::prepare(std::span<const TokenSequence> sequences, Workspace& workspace) const {
  Activations activations;
  activations.workspace = &workspace;
  std::size_t longest = 0;
  for (const TokenSequence& sequence : sequences) {
    activations.tokens += sequence.ids.size();
    longest = std::max(longest, sequence.ids.size());
  }
  const std::size_t block = activations.tokens * config_.hidden_size;
  const std::size_t context = activations.tokens * config_.heads * config_.head_dim;
  const std::size_t query_key_value = activations.tokens * query_key_value_size();
  const std::size_t intermediate =
      std::min(feed_forward_rows(config_), activations.tokens) * config_.intermediate_size * (config_.gated ? 2 : 1);
  const std::size_t scratch = attention_scratch_floats(longest, config_.head_dim);
  const std::size_t blocks = config_.pre_norm ? 3 : 2;
  workspace.reset(blocks * Workspace::rounded(block) + Workspace::rounded(context) + Workspace::rounded(query_key_value) +
                  Workspace::rounded(intermediate) + Workspace::rounded(scratch));
  activations.hidden = workspace.take(block);
  activations.normed = config_.pre_norm ? workspace.take(block) : activations.hidden;
  activations.query_key_value = workspace.take(query_key_value);
  activations.context = workspace.take(context);
  activations.projected = workspace.take(block);
  activations.intermediate = workspace.take(intermediate);
  activations.scratch = workspace.take(scratch);
  return activations;
}

Result<std::span<const float>> Transformer::forward(std::span<const TokenSequence> sequences, Workspace& workspace) const {
  ORTHANT_TRY(check(sequences));
  const Activations activations = prepare(sequences, workspace);
  StageClock clock(workspace.scratch().stages);
  embed(sequences, activations);
  clock.mark(EncodeStage::kEmbedding);
  for (std::size_t layer = 0; layer < layers_.size(); ++layer) run_block(layer, sequences, activations);
  return std::span<const float>(activations.normed, activations.tokens * config_.hidden_size);
}

Result<BlockState> Transformer::first_state(std::span<const TokenSequence> sequences, Workspace& workspace) const {
  ORTHANT_TRY(check(sequences));
  const Activations activations = prepare(sequences, workspace);
  embed(sequences, activations);
  return copy_state(activations);
}

void Transformer::advance(std::size_t first, BlockState& state, std::span<const TokenSequence> sequences,
                          Workspace& workspace) const {
  const Activations activations = prepare_from(state, sequences, workspace);
  run_block(first, sequences, activations);
  state = copy_state(activations);
}

std::span<const float> Transformer::finish(std::size_t first, const BlockState& state, std::span<const TokenSequence> sequences,
                                           Workspace& workspace) const {
  const Activations activations = prepare_from(state, sequences, workspace);
  for (std::size_t layer = first; layer < layers_.size(); ++layer) run_block(layer, sequences, activations);
  return {activations.normed, activations.tokens * config_.hidden_size};
}

BlockState Transformer::copy_state(const Activations& activations) const {
  const std::size_t size = activations.tokens * config_.hidden_size;
  BlockState state{.hidden = {activations.hidden, activations.hidden + size}, .normed = {}};
  if (config_.pre_norm) state.normed.assign(activations.normed, activations.normed + size);
  return state;
}

Transformer::Activations Transformer::prepare_from(const BlockState& state, std::span<const TokenSequence> sequences,
                                                   Workspace& workspace) const {
  const Activations activations = prepare(sequences, workspace);
  std::ranges::copy(state.hidden, activations.hidden);
  std::ranges::copy(state.normed, activations.normed);
  return activations;
}

void Transformer::run_block(std::size_t layer, std::span<const TokenSequence> sequences, const Activations& activations) const {
  attend(layer, sequences, activations);
  feed_forward(layers_[layer], activations);
}

void Transformer::embed(std::span<const TokenSequence> sequences, const Activations& activations) const {
  const std::size_t hidden = config_.hidden_size;
  float* rows = activations.hidden;
  for (const TokenSequence& sequence : sequences) {
    embed_sequence(sequence, rows);
    rows += sequence.ids.size() * hidden;
  }
  if (config_.embedding_norm) normalize(embedding_norm_, activations.tokens, hidden, activations.hidden, activations.hidden);
  if (!config_.pre_norm) return;
  if (config_.first_norm) {
    normalize(first_norm_, activations.tokens, hidden, activations.hidden, activations.normed);
  } else {
    std::copy_n(activations.hidden, activations.tokens * hidden, activations.normed);
  }
}

// word + position + token type
void Transformer::embed_sequence(const TokenSequence& sequence, float* rows) const {
  const std::size_t hidden = config_.hidden_size;
  std::size_t position = config_.position_offset;
  for (std::size_t i = 0; i < sequence.ids.size(); ++i, rows += hidden) {
    const std::uint32_t id = sequence.ids[i];
    word_embeddings_.copy_row(id, rows);
    if (config_.learned_positions) {
      const bool padding = config_.padding_id == id;
      add_row(position_embeddings_.data() + (padding ? id : position) * hidden, hidden, rows);
      position += padding ? 0 : 1;
    }
    if (!token_type_embeddings_.empty()) {
      const std::size_t type = sequence.type_ids.empty() ? 0 : sequence.type_ids[i];
      add_row(token_type_embeddings_.data() + type * hidden, hidden, rows);
    }
  }
}

void Transformer::attend(std::size_t layer, std::span<const TokenSequence> sequences, const Activations& activations) const {
  const Layer& parts = layers_[layer];
  const std::size_t row_size = query_key_value_size();
  const std::size_t context_size = config_.heads * config_.head_dim;
  StageClock clock(activations.workspace->scratch().stages);
  run_linear(parts.query_key_value, activations.tokens, activations.normed, activations.query_key_value, *activations.workspace);
  clock.mark(EncodeStage::kQueryKeyValue);
  float* rows = activations.query_key_value;
  float* context = activations.context;
  for (const TokenSequence& sequence : sequences) {
    const std::size_t tokens = sequence.ids.size();
    turn_heads(parts, tokens, rows);
    attend_sequence(layer, tokens, rows, context, activations.scratch);
    rows += tokens * row_size;
    context += tokens * context_size;
  }
  clock.mark(EncodeStage::kAttention);
  run_linear(parts.attention_output, activations.tokens, activations.context, activations.projected, *activations.workspace);
  clock.mark(EncodeStage::kAttentionOutput);
  add_and_norm(parts.after_attention, 0, activations.tokens, activations.projected, activations);
  clock.mark(EncodeStage::kNorms);
}

// Norms of each head's queries and keys, then rotary positions.
void Transformer::turn_heads(const Layer& layer, std::size_t tokens, float* rows) const {
  if (layer.rotary == nullptr && !config_.query_key_norm) return;
  for (std::size_t position = 0; position < tokens; ++position, rows += query_key_value_size()) {
    if (config_.query_key_norm) {
      float* keys = rows + config_.heads * config_.head_dim;
      normalize(layer.query_norm, config_.heads, config_.head_dim, rows, rows);
      normalize(layer.key_norm, config_.key_value_heads, config_.head_dim, keys, keys);
    }
    if (layer.rotary == nullptr) continue;
    kernels_->rotate({.heads = config_.heads + config_.key_value_heads,
                      .head_dim = config_.head_dim,
                      .rotated = config_.rotary_dims,
                      .cosines = layer.rotary->cosines(position),
                      .sines = layer.rotary->sines(position),
                      .values = rows});
  }
}

// Where the projections are integers.
bool Transformer::attends_in_integers(const Layer& layer) const {
  const WeightPrecision precision = infos_[layer.query_key_value].precision;
  return (precision == WeightPrecision::kInt8 || precision == WeightPrecision::kInt4) &&
         config_.head_dim % kIntegerAttentionStep == 0;
}

void Transformer::attend_sequence(std::size_t layer, std::size_t tokens, const float* rows, float* context, float* scratch) const {
  const LayerAttention& seen = config_.layers[layer];
  const auto attention = attends_in_integers(layers_[layer]) ? int8_kernels_for(level_).attention : kernels_->attention;
  const std::size_t head_dim = config_.head_dim;
  const std::size_t group = config_.heads / config_.key_value_heads;
  const float* keys = rows + config_.heads * head_dim;
  const float* values = keys + config_.key_value_heads * head_dim;
  for (std::size_t head = 0; head < config_.heads; ++head) {
    const float* bias = relative_bias_.empty() ? nullptr
                                               : relative_bias_.data() + head * relative_bias_row(config_.max_positions) +
                                                     relative_bias_center(config_.max_positions);
    attention({.query = rows + head * head_dim,
               .key = keys + head / group * head_dim,
               .value = values + head / group * head_dim,
               .stride = query_key_value_size(),
               .tokens = tokens,
               .head_dim = head_dim,
               .scale = 1.0F / std::sqrt(static_cast<float>(head_dim)),
               .bias = bias,
               .keys_before = seen.keys_before,
               .keys_after = seen.keys_after,
               .output = context + head * head_dim,
               .output_stride = config_.heads * head_dim,
               .scratch = scratch});
  }
}

void Transformer::feed_forward(const Layer& layer, const Activations& activations) const {
  const std::size_t hidden = config_.hidden_size;
  StageClock clock(activations.workspace->scratch().stages);
  const std::size_t block = feed_forward_rows(config_);
  for (std::size_t first = 0; first < activations.tokens; first += block) {
    const std::size_t rows = std::min(block, activations.tokens - first);
    run_linear(layer.intermediate, rows, activations.normed + first * hidden, activations.intermediate, *activations.workspace);
    if (config_.gated) kernels_->gate(rows, config_.intermediate_size, config_.activation, activations.intermediate);
    clock.mark(EncodeStage::kFeedForwardUp);
    run_linear(layer.output, rows, activations.intermediate, activations.projected, *activations.workspace);
    clock.mark(EncodeStage::kFeedForwardDown);
    add_and_norm(layer.after_feed_forward, first, rows, activations.projected, activations);
    clock.mark(EncodeStage::kNorms);
  }
}

void Transformer::run_linear(std::size_t linear, std::size_t rows, const float* input, float* output, Workspace& workspace) const {
  if (workspace.observer != nullptr) workspace.observer->observe(linear, rows, input);
  linears_[linear]->apply(rows, input, output, workspace.scratch());
}

void Transformer::normalize(const Norm& norm, std::size_t rows, std::size_t columns, const float* input, float* output) const {
  kernels_->norm({.kind = config_.norm,
                  .epsilon = config_.norm_epsilon,
                  .input = input,
                  .residual = nullptr,
                  .sum = nullptr,
                  .gamma = norm.gamma.data(),
                  .beta = norm.beta.empty() ? nullptr : norm.beta.data(),
                  .rows = rows,
                  .columns = columns,
                  .output = output});
}

// Of the rows from `first` on: hidden += input, normed = norm(hidden). In post-norm models both are one.
void Transformer::add_and_norm(const Norm& norm, std::size_t first, std::size_t rows, const float* input,
                               const Activations& activations) const {
  float* hidden = activations.hidden + first * config_.hidden_size;
  kernels_->norm({.kind = config_.norm,
                  .epsilon = config_.norm_epsilon,
                  .input = input,
                  .residual = hidden,
                  .sum = config_.pre_norm ? hidden : nullptr,
                  .gamma = norm.gamma.data(),
                  .beta = norm.beta.empty() ? nullptr : norm.beta.data(),
                  .rows = rows,
                  .columns = config_.hidden_size,
                  .output = activations.normed + first * config_.hidden_size});
}

}  // namespace orthant
