#include "encoder/model/transformer_loader.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "encoder/kernels/float_dispatch.h"
#include "encoder/model/relative_bias.h"
#include "encoder/quantize/convert_weights.h"

namespace orthant {

Status Transformer::Loader::load() {
  find_names();
  // The sizes are only believed once the embeddings have the shapes that the configuration states.
  ORTHANT_TRY(embeddings());
  ORTHANT_TRY(check_room_for_layers());
  ORTHANT_TRY(relative_bias());
  model_.layers_.resize(config_.layers.size());
  for (std::size_t i = 0; i < config_.layers.size(); ++i) ORTHANT_TRY(layer(i));
  ORTHANT_TRY(check_quantized_layers());
  if (model_.adapters_) ORTHANT_TRY(model_.adapters_->check_all_belong(model_.tensors_, model_.prefix_));
  for (std::size_t i = 0; i < config_.layers.size(); ++i) ORTHANT_TRY(layer_norms(i));
  return {};
}

bool Transformer::Loader::has(std::string_view name) const {
  return model_.weights_->find(model_.prefix_ + std::string(name)) != nullptr;
}

// The first names under which the file has the word embeddings and the first layer. Where there are none, tensors will be missed by
// the names of the first layout.
void Transformer::Loader::find_names() {
  for (const TensorNames& names : config_.layouts) {
    for (const std::string& prefix : config_.prefixes) {
      names_ = &names;
      model_.prefix_ = prefix;
      const std::string layer_norm = in_layer(0, names.feed_forward_norm);
      const bool has_layer = has(layer_norm + ".weight") || has(layer_norm + ".gamma");
      if (has_layer && (has(names.word_embeddings + ".weight") || has(names.word_embeddings + ".codes"))) return;
    }
  }
  names_ = &config_.layouts.front();
  model_.prefix_ = config_.prefixes.front();
}

// Keeps a configuration that lies from asking for all memory: a weight takes half a byte in the file at least.
Status Transformer::Loader::check_room_for_layers() const {
  const std::size_t attention = config_.hidden_size * (2 * config_.heads + 2 * config_.key_value_heads) * config_.head_dim;
  const std::size_t feed_forward = (config_.gated ? 3 : 2) * config_.hidden_size * config_.intermediate_size;
  const std::size_t count = config_.layers.size() * (attention + feed_forward);
  const SafeTensors& weights = *model_.weights_;
  if (count / 2 <= weights.file_bytes()) return {};
  return data_corruption(fmt::format("{}: {} bytes cannot hold the {} weights of the {} layers that config.json states",
                                     weights.file().string(), weights.file_bytes(), count, config_.layers.size()));
}

// A name that no layer has would leave a layer in another form than the file's author believes.
Status Transformer::Loader::check_quantized_layers() const {
  if (!config_.quantization) return {};
  for (const auto& [name, stored] : config_.quantization->layers) {
    const auto& infos = model_.infos_;
    if (std::ranges::find(infos, name, &LinearInfo::name) != infos.end()) continue;
    return data_corruption(fmt::format("{}: config.json has quantized a layer \"{}\", which the model does not have",
                                       model_.weights_->file().string(), name));
  }
  return {};
}

Status Transformer::Loader::embeddings() {
  const std::size_t hidden = config_.hidden_size;
  model_.word_embeddings_ = ORTHANT_TRY(
      EmbeddingTable::open(*model_.weights_, model_.prefix_ + names_->word_embeddings, config_.vocabulary_size, hidden));
  model_.parameter_count_ += config_.vocabulary_size * hidden;
  if (config_.learned_positions) {
    const std::array shape = {config_.max_positions + config_.position_offset, hidden};
    model_.position_embeddings_ = ORTHANT_TRY(tensor(names_->position_embeddings + ".weight", shape));
  }
  if (config_.token_types != 0) {
    const std::array shape = {config_.token_types, hidden};
    model_.token_type_embeddings_ = ORTHANT_TRY(tensor(names_->token_type_embeddings + ".weight", shape));
  }
  if (config_.embedding_norm) model_.embedding_norm_ = ORTHANT_TRY(norm(names_->embedding_norm, hidden));
  return {};
}

Status Transformer::Loader::relative_bias() {
  if (config_.relative_buckets == 0) return {};
  const std::array shape = {config_.relative_buckets, config_.heads};
  const std::vector<float> weights = ORTHANT_TRY(tensor(names_->relative_bias + ".weight", shape));
  model_.relative_bias_ = spread_relative_bias(weights, config_.relative_buckets, config_.heads, config_.max_positions);
  return {};
}

Status Transformer::Loader::layer(std::size_t index) {
  const std::size_t hidden = config_.hidden_size;
  const std::size_t queries = config_.heads * config_.head_dim;
  const std::size_t keys = config_.key_value_heads * config_.head_dim;
  Layer& layer = model_.layers_[index];
  const std::array projections = {queries, keys, keys};
  layer.query_key_value =
      ORTHANT_TRY(linear(index, names_->query_key_value, projections, hidden, config_.query_key_value_bias, Activation::kNone));
  const std::array back = {hidden};
  layer.attention_output =
      ORTHANT_TRY(linear(index, names_->attention_output, back, queries, config_.attention_output_bias, Activation::kNone));
  // A gate is not linear in its half of the outputs alone: it comes after the product.
  const Activation activation = config_.gated ? Activation::kNone : config_.activation;
  const std::array halves = {config_.intermediate_size, config_.intermediate_size};
  layer.intermediate = ORTHANT_TRY(linear(index, names_->intermediate, std::span(halves).first(config_.gated ? 2 : 1), hidden,
                                          config_.intermediate_bias, activation));
  layer.output =
      ORTHANT_TRY(linear(index, names_->output, back, config_.intermediate_size, config_.output_bias, Activation::kNone));
  if (config_.layers[index].rotary_theta != 0) layer.rotary = ORTHANT_TRY(rotary_table(config_.layers[index].rotary_theta));
  return {};
}

Status Transformer::Loader::layer_norms(std::size_t index) {
  const std::size_t hidden = config_.hidden_size;
  Layer& layer = model_.layers_[index];
  if (config_.query_key_norm) {
    layer.query_norm = ORTHANT_TRY(norm(in_layer(index, names_->query_norm), config_.head_dim));
    layer.key_norm = ORTHANT_TRY(norm(in_layer(index, names_->key_norm), config_.head_dim));
  }
  Norm attention;
  const bool left_out = config_.pre_norm && index == 0 && !config_.first_norm;
  if (!left_out) attention = ORTHANT_TRY(norm(in_layer(index, names_->attention_norm), hidden));
  Norm feed_forward = ORTHANT_TRY(norm(in_layer(index, names_->feed_forward_norm), hidden));
  if (!config_.pre_norm) {
    layer.after_attention = std::move(attention);
    layer.after_feed_forward = std::move(feed_forward);
    return {};
  }
  Norm& before = index == 0 ? model_.first_norm_ : model_.layers_[index - 1].after_feed_forward;
  before = std::move(attention);
  layer.after_attention = std::move(feed_forward);
  if (index + 1 == config_.layers.size()) {
    layer.after_feed_forward = ORTHANT_TRY(norm(names_->final_norm, hidden));
  }
  return {};
}

Result<const RotaryTable*> Transformer::Loader::rotary_table(double theta) {
  for (const auto& table : model_.rotary_tables_) {
    if (table->theta() == theta) return table.get();
  }
  model_.rotary_tables_.push_back(std::make_unique<RotaryTable>(theta, config_.rotary_dims, config_.max_positions));
  return model_.rotary_tables_.back().get();
}

// Older files call the two halves of a norm gamma and beta.
Result<Transformer::Norm> Transformer::Loader::norm(std::string_view name, std::size_t size) {
  const std::string whole(name);
  const bool old_names = has(whole + ".gamma");
  const std::array shape = {size};
  Norm weights;
  weights.gamma = ORTHANT_TRY(tensor(whole + (old_names ? ".gamma" : ".weight"), shape));
  if (config_.norm_bias) weights.beta = ORTHANT_TRY(tensor(whole + (old_names ? ".beta" : ".bias"), shape));
  return weights;
}

Result<std::vector<float>> Transformer::Loader::tensor(std::string_view name, std::span<const std::size_t> shape) {
  std::vector<float> values = ORTHANT_TRY(model_.weights_->read_floats(model_.prefix_ + std::string(name), shape));
  model_.parameter_count_ += values.size();
  return values;
}

Result<std::size_t> Transformer::Loader::linear(std::size_t layer, const TensorNames::Product& product,
                                                std::span<const std::size_t> outputs, std::size_t inputs, bool bias,
                                                Activation activation) {
  LinearTensors tensors{in_layer(layer, product.name), {}, inputs, bias, {}};
  if (config_.quantization) {
    const auto stored = config_.quantization->layers.find(tensors.name);
    if (stored != config_.quantization->layers.end()) tensors.quantized = stored->second;
  }
  if (product.parts.size() == 1) {
    const std::size_t sum = std::accumulate(outputs.begin(), outputs.end(), std::size_t{0});
    tensors.parts.push_back({model_.prefix_ + in_layer(layer, product.parts[0]), sum});
  } else {
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      tensors.parts.push_back({model_.prefix_ + in_layer(layer, product.parts[i]), outputs[i]});
    }
  }
  LinearWeights weights = ORTHANT_TRY(read_linear_weights(*model_.weights_, tensors));
  std::vector<float> values = ORTHANT_TRY(read_linear_bias(*model_.weights_, tensors));
  model_.parameter_count_ += weights.outputs * weights.inputs + values.size();
  const WeightPrecision wanted = precision_for(tensors, weights);
  std::optional<LowRankUpdate> update;
  if (model_.adapters_) update = ORTHANT_TRY(model_.adapters_->update_for(tensors, model_.prefix_));
  if (update && !stays_beside(tensors, wanted)) weights = with_update(weights, *std::exchange(update, std::nullopt));
  if (wanted != weights.precision()) weights = convert_weights(std::move(weights), wanted);
  return model_.add_linear(std::move(tensors), weights, update ? &*update : nullptr, std::move(values), activation);
}

// Updates are added to the weights where that loses nothing. Codes of 4 bits stay those that the update was trained over: rounding
// the sum would lose what it corrects.
bool Transformer::Loader::stays_beside(const LinearTensors& tensors, WeightPrecision held) {
  const bool integers = held == WeightPrecision::kInt8 && tensors.quantized.has_value();
  return integers || held == WeightPrecision::kInt4 || held == WeightPrecision::kNf4;
}

// A quantized folder stays as it is unless another precision is asked for: config.json's dtype is that of its other tensors.
WeightPrecision Transformer::Loader::precision_for(const LinearTensors& tensors, const LinearWeights& weights) const {
  const bool asked = precision_ != WeightPrecision::kAuto && precision_ != WeightPrecision::kMixed;
  if (asked) return precision_;
  if (tensors.quantized || config_.stored_precision == WeightPrecision::kAuto) return weights.precision();
  return config_.stored_precision;
}

std::string Transformer::Loader::in_layer(std::size_t layer, std::string_view name) const {
  return fmt::format(fmt::runtime(names_->layer), layer) + std::string(name);
}

}  // namespace orthant
