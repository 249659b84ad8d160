#include "encoder/training/trainable_encoder.h"

#include <array>
#include <cassert>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "encoder/model/linear_tensors.h"
#include "encoder/model/static_embedding.h"
#include "encoder/training/folder_writer.h"

namespace orthant {
namespace {

at::Tensor activated(Activation activation, const at::Tensor& values) {
  switch (activation) {
    case Activation::kTanh: return at::tanh(values);
    case Activation::kRelu: return at::relu(values);
    case Activation::kGeluErf: return at::gelu(values);
    default: return values;
  }
}

at::Tensor pooled(PoolingMode mode, const at::Tensor& rows) {
  const double tokens = static_cast<double>(rows.size(0));
  switch (mode) {
    case PoolingMode::kCls: return rows[0];
    case PoolingMode::kMax: return rows.amax(0);
    case PoolingMode::kMean: return rows.mean(0);
    case PoolingMode::kMeanSqrtLength: return rows.sum(0) / std::sqrt(tokens);
    case PoolingMode::kWeightedMean: {
      const at::Tensor weights = at::arange(1, rows.size(0) + 1, at::kFloat).unsqueeze(1);
      return (rows * weights).sum(0) / (tokens * (tokens + 1.0) / 2.0);
    }
    case PoolingMode::kLastToken: return rows[rows.size(0) - 1];
  }
  return rows[0];
}

}  // namespace

Result<TrainableEncoder> TrainableEncoder::load(const std::filesystem::path& folder, std::size_t max_seq_length,
                                                const LoraOptions& lora, std::uint64_t seed) {
  TrainableEncoder model;
  model.folder_ = folder;
  if (ORTHANT_TRY(read_static_model_files(folder))) {
    return invalid_argument(fmt::format("{}: a static model (a table of vectors), which is not trained here", folder.string()));
  }
  model.files_ = ORTHANT_TRY(read_model_files(folder));
  if (model.files_.transformer.quantization) {
    return fail(ErrorCode::kFailedPrecondition,
                fmt::format("{}: the model is quantized; training starts from the float one", folder.string()));
  }
  Backbone backbone = ORTHANT_TRY(model.open_backbone(max_seq_length, lora.used()));
  model.max_seq_length_ = backbone.max_seq_length;
  if (lora.used()) {
    if (backbone.transformer.adapters() != nullptr && !lora.merge) {
      return invalid_argument(
          fmt::format("{}: lora.merge: the model has adapters already: new ones have to be merged", folder.string()));
    }
    model.lora_ = std::make_unique<LoraLinears>(ORTHANT_TRY(LoraLinears::make(backbone.transformer, lora, seed)));
  }
  model.transformer_ =
      std::make_unique<TrainableTransformer>(ORTHANT_TRY(TrainableTransformer::make(backbone.transformer, model.lora_.get())));
  model.tokenizer_ = std::move(backbone.tokenizer);
  ORTHANT_TRY(model.load_stages());
  return model;
}

// With adapters (`frozen`) nothing multiplies the weights that are packed here: they take the least memory.
Result<Backbone> TrainableEncoder::open_backbone(std::size_t max_seq_length, bool frozen) const {
  EncoderOptions options;
  options.max_seq_length = max_seq_length;
  options.weights = frozen ? WeightPrecision::kNf4 : WeightPrecision::kFloat32;
  return load_backbone(files_.transformer_folder, files_.transformer, files_.max_seq_length, options);
}

Status TrainableEncoder::start_adapters(std::span<const TokenizedText> texts) {
  const NoGradients guard;
  const Backbone backbone = ORTHANT_TRY(open_backbone(max_seq_length_, true));
  const std::size_t linears = transformer_->linears().size();
  const std::size_t in_block = linears / config().layers.size();
  for (std::size_t first = 0; first < linears; first += in_block) {
    lora_->observe(first, in_block);
    for (const TokenizedText& text : texts) embed(std::span(&text, 1), {});
    ORTHANT_TRY(lora_->start_from_rounding(backbone.transformer));
  }
  return {};
}

Status TrainableEncoder::load_stages() {
  for (const orthant::Stage& stage : files_.stages) {
    const DenseStage* dense = std::get_if<DenseStage>(&stage);
    if (dense == nullptr) {
      stages_.push_back({std::nullopt, false});
      continue;
    }
    const SafeTensors file = ORTHANT_TRY(SafeTensors::open(dense->weights));
    const std::array shape = {dense->output_size, dense->input_size};
    const auto outputs = static_cast<std::int64_t>(dense->output_size);
    Dense own;
    own.activation = dense->activation;
    own.weight =
        tensor_from(ORTHANT_TRY(file.read_floats("linear.weight", shape)), {outputs, static_cast<std::int64_t>(dense->input_size)});
    if (dense->bias) {
      own.bias = tensor_from(ORTHANT_TRY(file.read_floats("linear.bias", std::span(shape).first(1))), {outputs});
    }
    stages_.push_back({std::move(own), false});
  }
  return {};
}

TokenizedText TrainableEncoder::tokenize(std::string_view text, Purpose purpose) const {
  const std::string_view prompt = files_.prompts.text_for(purpose);
  if (prompt.empty()) return tokenizer_->tokenize(text, max_seq_length_);
  return tokenizer_->tokenize(fmt::format("{}{}", prompt, text), max_seq_length_);
}

at::Tensor TrainableEncoder::embed(std::span<const TokenizedText> texts, const ForwardOptions& options) const {
  std::vector<TokenSequence> sequences;
  std::vector<std::int64_t> lengths;
  for (const TokenizedText& text : texts) {
    sequences.push_back({text.ids, text.type_ids});
    lengths.push_back(static_cast<std::int64_t>(text.ids.size()));
  }
  const at::Tensor hidden = transformer_->forward(sequences, options);
  std::vector<at::Tensor> rows;
  for (const at::Tensor& states : hidden.split_with_sizes(lengths, 0)) {
    std::vector<at::Tensor> parts;
    for (const PoolingMode mode : files_.pooling) parts.push_back(pooled(mode, states));
    rows.push_back(parts.size() == 1 ? parts[0] : at::cat(parts, 0));
  }
  return apply_stages(at::stack(rows, 0), false);
}

at::Tensor TrainableEncoder::apply_appended(const at::Tensor& embeddings) const {
  return apply_stages(embeddings, true);
}

at::Tensor TrainableEncoder::apply_stages(at::Tensor embeddings, bool appended_alone) const {
  for (const Stage& stage : stages_) {
    if (appended_alone && !stage.appended) continue;
    if (!stage.dense) {
      embeddings = embeddings / embeddings.norm(2, 1, true).clamp_min(1e-12);
      continue;
    }
    embeddings = activated(stage.dense->activation, at::linear(embeddings, stage.dense->weight, stage.dense->bias));
  }
  return embeddings;
}

std::size_t TrainableEncoder::dim() const {
  std::size_t size = files_.transformer.hidden_size * files_.pooling.size();
  for (const Stage& stage : stages_) {
    if (stage.dense) size = static_cast<std::size_t>(stage.dense->weight.size(0));
  }
  return size;
}

void TrainableEncoder::append_dense(at::Tensor weight, at::Tensor bias) {
  assert(static_cast<std::size_t>(weight.size(1)) == dim());
  stages_.push_back({Dense{std::move(weight), std::move(bias), Activation::kNone}, true});
}

void TrainableEncoder::append_normalize() {
  stages_.push_back({std::nullopt, true});
}

ParameterSet TrainableEncoder::parameters(const Trained& trained) const {
  ParameterSet set;
  if (trained.transformer) transformer_->add_parameters(trained.word_embeddings, set);
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    if (!stages_[i].dense || (!trained.transformer && !stages_[i].appended)) continue;
    set.add(fmt::format("stage.{}.weight", i), stages_[i].dense->weight, true);
    if (stages_[i].dense->bias.defined()) set.add(fmt::format("stage.{}.bias", i), stages_[i].dense->bias, false);
  }
  return set;
}

Status TrainableEncoder::save(const std::filesystem::path& target) const {
  return FolderWriter(*this).write(target);
}

}  // namespace orthant
