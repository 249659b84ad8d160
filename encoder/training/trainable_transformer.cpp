#include "encoder/training/trainable_transformer.h"

#include <cassert>
#include <cmath>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "encoder/kernels/linear_weights.h"
#include "encoder/model/relative_bias.h"
#include "encoder/model/weight_files.h"

namespace orthant {
namespace {

constexpr std::size_t kLinearsInBlock = 4;

Status check_family(const TransformerConfig& config) {
  const bool rotary = config.rotary_dims != 0;
  const bool grouped = config.key_value_heads != config.heads;
  const bool bert = !config.pre_norm && !config.gated && !config.query_key_norm && !rotary && !grouped &&
                    config.norm == NormKind::kLayer && config.norm_bias && config.embedding_norm;
  if (bert) return {};
  return invalid_argument(fmt::format(
      "{}: not trained here, expected BERT (MiniLM, BGE, E5), RoBERTa, DistilBERT or MPNet: norms behind the blocks, no rotary "
      "positions, no gates",
      config.architecture));
}

std::int64_t size(std::size_t value) {
  return static_cast<std::int64_t>(value);
}

}  // namespace

struct TrainableTransformer::Pass {
  ForwardOptions options;
  std::vector<std::int64_t> lengths;
};

// Forward without a record of what was computed; backward computes it again from the input, with the random numbers of the first
// time, and takes the gradients from there (Chen et al. 2016, one block a segment).
class TrainableTransformer::Checkpointed : public torch::autograd::Function<TrainableTransformer::Checkpointed> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& hidden, const TrainableTransformer* model,
                            std::int64_t block, const Pass* pass) {
    context->save_for_backward({hidden});
    context->saved_data["model"] = reinterpret_cast<std::int64_t>(model);
    context->saved_data["block"] = block;
    context->saved_data["lengths"] = pass->lengths;
    context->saved_data["dropout"] = pass->options.dropout;
    context->saved_data["adapter_dropout"] = pass->options.adapter_dropout;
    context->saved_data["bfloat16"] = pass->options.bfloat16;
    if (pass->options.draws()) context->saved_data["random"] = at::detail::getDefaultCPUGenerator().get_state();
    const NoGradients guard;
    return model->run_block(static_cast<std::size_t>(block), hidden, *pass);
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context, torch::autograd::tensor_list gradients) {
    const auto* model = reinterpret_cast<const TrainableTransformer*>(context->saved_data["model"].toInt());
    Pass pass;
    pass.options.dropout = context->saved_data["dropout"].toDouble();
    pass.options.adapter_dropout = context->saved_data["adapter_dropout"].toDouble();
    pass.options.bfloat16 = context->saved_data["bfloat16"].toBool();
    pass.lengths = context->saved_data["lengths"].toIntVector();
    at::Tensor hidden = context->get_saved_variables()[0].detach();
    hidden.set_requires_grad(true);
    at::Generator generator = at::detail::getDefaultCPUGenerator();
    const at::Tensor now = generator.get_state();
    if (pass.options.draws()) generator.set_state(context->saved_data["random"].toTensor());
    {
      const at::AutoGradMode recording(true);
      const auto block = static_cast<std::size_t>(context->saved_data["block"].toInt());
      const at::Tensor output = model->run_block(block, hidden, pass);
      torch::autograd::backward({output}, {gradients[0]});
    }
    generator.set_state(now);
    return {hidden.grad(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

Result<TrainableTransformer> TrainableTransformer::make(const Transformer& model, const LoraLinears* lora) {
  ORTHANT_TRY(check_family(model.config()));
  TrainableTransformer trainable;
  trainable.config_ = model.config();
  trainable.lora_ = lora;
  ORTHANT_TRY(trainable.read(model));
  return trainable;
}

Status TrainableTransformer::read(const Transformer& model) {
  const TensorNames& names = config_.layouts.front();
  const std::int64_t hidden = size(config_.hidden_size);
  ORTHANT_TRY(read_words(model, names.word_embeddings));
  if (config_.learned_positions) {
    const std::int64_t positions = size(config_.max_positions + config_.position_offset);
    position_embeddings_ = ORTHANT_TRY(tensor(model, names.position_embeddings + ".weight", {positions, hidden}));
  }
  if (config_.token_types != 0) {
    token_type_embeddings_ =
        ORTHANT_TRY(tensor(model, names.token_type_embeddings + ".weight", {size(config_.token_types), hidden}));
  }
  embedding_norm_ = ORTHANT_TRY(norm(model, names.embedding_norm));
  if (config_.relative_buckets != 0) {
    const std::int64_t buckets = size(config_.relative_buckets);
    relative_weights_ = ORTHANT_TRY(tensor(model, names.relative_bias + ".weight", {buckets, size(config_.heads)}));
    // Spread numbers of buckets instead of weights, and the bucket of each distance stands where its weight would.
    std::vector<float> numbers(config_.relative_buckets);
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i);
    const std::vector<float> spread = spread_relative_bias(numbers, numbers.size(), 1, config_.max_positions);
    const std::size_t first = relative_bias_center(config_.max_positions) + 1 - config_.max_positions;
    relative_buckets_ =
        tensor_from(std::span(spread).subspan(first, 2 * config_.max_positions - 1), {2 * size(config_.max_positions) - 1})
            .to(at::kLong);
  }
  for (std::size_t i = 0; i < model.linears().size(); ++i) {
    const LinearInfo& info = model.linears()[i];
    Linear linear{model.linear_tensors(i), {}, {}};
    if (lora_ == nullptr) {
      const std::vector<float> weights = dequantize(ORTHANT_TRY(model.linear_weights(i)));
      linear.weight = tensor_from(weights, {size(info.outputs), size(info.inputs)});
    }
    if (!model.linear_bias(i).empty()) linear.bias = tensor_from(model.linear_bias(i), {size(info.outputs)});
    linears_.push_back(std::move(linear));
  }
  assert(linears_.size() == kLinearsInBlock * config_.layers.size());
  for (std::size_t layer = 0; layer < config_.layers.size(); ++layer) {
    const std::string prefix = fmt::format(fmt::runtime(names.layer), layer);
    Block block;
    block.first_linear = layer * kLinearsInBlock;
    block.attention_norm = ORTHANT_TRY(norm(model, prefix + names.attention_norm));
    block.feed_forward_norm = ORTHANT_TRY(norm(model, prefix + names.feed_forward_norm));
    blocks_.push_back(std::move(block));
  }
  return {};
}

// Frozen ones are half of a small model: they stay in the file, mapped a second time as `model` does not live on.
Status TrainableTransformer::read_words(const Transformer& model, const std::string& name) {
  const std::int64_t hidden = size(config_.hidden_size);
  if (lora_ == nullptr) {
    word_embeddings_ = ORTHANT_TRY(tensor(model, name + ".weight", {size(config_.vocabulary_size), hidden}));
    return {};
  }
  const SafeTensors& weights = model.weights();
  mapped_ = std::make_unique<SafeTensors>(ORTHANT_TRY(open_weights({weights.file(), weights.parts()})));
  mapped_words_ = ORTHANT_TRY(EmbeddingTable::open(*mapped_, model.prefix() + name, config_.vocabulary_size, config_.hidden_size));
  return {};
}

Result<at::Tensor> TrainableTransformer::tensor(const Transformer& model, const std::string& name, at::IntArrayRef shape) {
  const std::string whole = model.prefix() + name;
  const std::vector<std::size_t> sizes(shape.begin(), shape.end());
  const at::Tensor tensor = tensor_from(ORTHANT_TRY(model.weights().read_floats(whole, sizes)), shape);
  others_.push_back({whole, tensor});
  return tensor;
}

Result<TrainableTransformer::Norm> TrainableTransformer::norm(const Transformer& model, const std::string& name) {
  const bool old_names = model.weights().find(model.prefix() + name + ".gamma") != nullptr;
  Norm norm;
  norm.gamma = ORTHANT_TRY(tensor(model, name + (old_names ? ".gamma" : ".weight"), {size(config_.hidden_size)}));
  norm.beta = ORTHANT_TRY(tensor(model, name + (old_names ? ".beta" : ".bias"), {size(config_.hidden_size)}));
  return norm;
}

void TrainableTransformer::add_parameters(bool with_embeddings, ParameterSet& set) const {
  if (lora_ != nullptr) return lora_->add_parameters(set);
  for (const NamedTensor& other : others_) {
    if (!with_embeddings && other.tensor.is_same(word_embeddings_)) continue;
    set.add(other.name, other.tensor, other.tensor.dim() > 1);
  }
  for (const Linear& linear : linears_) {
    set.add(linear.tensors.name + ".weight", linear.weight, true);
    if (linear.bias.defined()) set.add(linear.tensors.name + ".bias", linear.bias, false);
  }
}

at::Tensor TrainableTransformer::forward(std::span<const TokenSequence> sequences, const ForwardOptions& options) const {
  Pass pass{options, {}};
  for (const TokenSequence& sequence : sequences) pass.lengths.push_back(size(sequence.ids.size()));
  at::Tensor hidden = embed(sequences, options);
  const bool checkpointed = options.checkpointing && at::GradMode::is_enabled();
  // A function without an input that requires a gradient is not recorded: the parameters inside would get none.
  if (checkpointed && !hidden.requires_grad()) hidden.set_requires_grad(true);
  for (std::size_t block = 0; block < blocks_.size(); ++block) {
    hidden = checkpointed ? Checkpointed::apply(hidden, this, size(block), &pass) : run_block(block, hidden, pass);
  }
  return hidden;
}

at::Tensor TrainableTransformer::embed(std::span<const TokenSequence> sequences, const ForwardOptions& options) const {
  std::vector<std::int64_t> ids;
  std::vector<std::int64_t> positions;
  std::vector<std::int64_t> types;
  for (const TokenSequence& sequence : sequences) {
    assert(!sequence.ids.empty() && sequence.ids.size() <= config_.max_positions);
    std::int64_t position = size(config_.position_offset);
    for (std::size_t i = 0; i < sequence.ids.size(); ++i) {
      const bool padding = config_.padding_id == sequence.ids[i];
      ids.push_back(sequence.ids[i]);
      positions.push_back(padding ? static_cast<std::int64_t>(sequence.ids[i]) : position);
      types.push_back(sequence.type_ids.empty() ? 0 : sequence.type_ids[i]);
      position += padding ? 0 : 1;
    }
  }
  at::Tensor hidden = word_rows(ids);
  if (position_embeddings_.defined()) hidden = hidden + at::embedding(position_embeddings_, at::tensor(positions, at::kLong));
  if (token_type_embeddings_.defined()) hidden = hidden + at::embedding(token_type_embeddings_, at::tensor(types, at::kLong));
  hidden = normalize(embedding_norm_, hidden);
  return options.dropout > 0 ? at::dropout(hidden, options.dropout, true) : hidden;
}

at::Tensor TrainableTransformer::word_rows(const std::vector<std::int64_t>& ids) const {
  if (word_embeddings_.defined()) return at::embedding(word_embeddings_, at::tensor(ids, at::kLong));
  at::Tensor rows = at::empty({size(ids.size()), size(config_.hidden_size)}, at::kFloat);
  float* row = rows.data_ptr<float>();
  for (const std::int64_t id : ids) {
    mapped_words_.copy_row(static_cast<std::size_t>(id), row);
    row += config_.hidden_size;
  }
  mapped_->release_pages();  // a few rows bring in most of the table, which would stay at the peak
  return rows;
}

at::Tensor TrainableTransformer::run_block(std::size_t block, const at::Tensor& hidden, const Pass& pass) const {
  const Block& parts = blocks_[block];
  const auto drop = [&pass](const at::Tensor& values) {
    return pass.options.dropout > 0 ? at::dropout(values, pass.options.dropout, true) : values;
  };
  const at::Tensor context = attend(multiply(parts.first_linear, hidden, pass), pass);
  const at::Tensor attended = normalize(parts.attention_norm, hidden + drop(multiply(parts.first_linear + 1, context, pass)));
  const at::Tensor intermediate = activate(multiply(parts.first_linear + 2, attended, pass));
  return normalize(parts.feed_forward_norm, attended + drop(multiply(parts.first_linear + 3, intermediate, pass)));
}

at::Tensor TrainableTransformer::attend(const at::Tensor& query_key_value, const Pass& pass) const {
  const std::int64_t heads = size(config_.heads);
  const std::int64_t head_dim = size(config_.head_dim);
  const double scale = 1.0 / std::sqrt(static_cast<double>(head_dim));
  std::vector<at::Tensor> contexts;
  // One split for all sequences: the gradient of a slice alone would be a matrix of all tokens, mostly zeros.
  for (const at::Tensor& rows : query_key_value.split_with_sizes(pass.lengths, 0)) {
    const std::int64_t tokens = rows.size(0);
    const std::vector<at::Tensor> parts = rows.view({tokens, 3, heads, head_dim}).permute({1, 2, 0, 3}).unbind(0);
    at::Tensor scores = at::bmm(parts[0] * scale, parts[1].transpose(1, 2));
    if (relative_weights_.defined()) scores = scores + relative_bias(tokens);
    at::Tensor probabilities = at::softmax(scores, -1);
    if (pass.options.dropout > 0) probabilities = at::dropout(probabilities, pass.options.dropout, true);
    contexts.push_back(at::bmm(probabilities, parts[2]).transpose(0, 1).reshape({tokens, heads * head_dim}));
  }
  return at::cat(contexts, 0);
}

// heads x tokens x tokens
at::Tensor TrainableTransformer::relative_bias(std::int64_t tokens) const {
  const at::Tensor places = at::arange(tokens, at::kLong);
  const at::Tensor distances = places.unsqueeze(0) - places.unsqueeze(1) + (size(config_.max_positions) - 1);
  const at::Tensor buckets = at::index_select(relative_buckets_, 0, distances.reshape({-1})).view({tokens, tokens});
  return at::embedding(relative_weights_, buckets).permute({2, 0, 1});
}

at::Tensor TrainableTransformer::multiply(std::size_t linear, const at::Tensor& input, const Pass& pass) const {
  if (lora_ != nullptr) return lora_->multiply(linear, input, pass.options.adapter_dropout, pass.options.bfloat16);
  const Linear& layer = linears_[linear];
  const Operands operands = linear_form_ ? linear_form_(linear, input, layer.weight) : Operands{input, layer.weight};
  if (!pass.options.bfloat16) return at::linear(operands.input, operands.weight, layer.bias);
  const at::Tensor product = at::linear(operands.input.to(at::kBFloat16), operands.weight.to(at::kBFloat16)).to(at::kFloat);
  return layer.bias.defined() ? product + layer.bias : product;
}

at::Tensor TrainableTransformer::activate(const at::Tensor& input) const {
  switch (config_.activation) {
    case Activation::kGeluErf: return at::gelu(input);
    case Activation::kGeluTanh: return at::gelu(input, "tanh");
    case Activation::kRelu: return at::relu(input);
    case Activation::kTanh: return at::tanh(input);
    case Activation::kSilu: return at::silu(input);
    case Activation::kNone: break;
  }
  return input;
}

at::Tensor TrainableTransformer::normalize(const Norm& norm, const at::Tensor& input) const {
  return at::layer_norm(input, {size(config_.hidden_size)}, norm.gamma, norm.beta, config_.norm_epsilon);
}

}  // namespace orthant
