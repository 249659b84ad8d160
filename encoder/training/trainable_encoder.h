#pragma once
// TrainableEncoder: a Sentence Transformers folder as differentiable tensors: transformer, pooling, Dense and Normalize modules,
// and the tokenizer. embed() gives what Encoder::encode() gives, with gradients; save() writes a folder that Encoder loads. One
// thread at a time.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "encoder/backbone.h"
#include "encoder/model/model_files.h"
#include "encoder/tokenizer/tokenizer.h"
#include "encoder/training/parameter_set.h"
#include "encoder/training/torch_api.h"
#include "encoder/training/trainable_transformer.h"

namespace orthant {

class TrainableEncoder {
 public:
  // `max_seq_length` 0: what the model's files say. Errors as Encoder::load, and invalid_argument for models that are not trained
  // (TrainableTransformer::make, static models, quantized folders).
  // With `lora.used()` the linear layers are frozen in lora.base, and adapters that start from `seed` are what is trained of the
  // transformer; invalid_argument where they are to be kept beside a model that has adapters already.
  static Result<TrainableEncoder> load(const std::filesystem::path& folder, std::size_t max_seq_length,
                                       const LoraOptions& lora = {}, std::uint64_t seed = 0);

  // Adapters start as lora.start = rounding says, from these texts: block by block, each seeing what those before it give then.
  Status start_adapters(std::span<const TokenizedText> texts);

  // As Encoder::tokenize().
  TokenizedText tokenize(std::string_view text, Purpose purpose) const;
  // texts x dim().
  at::Tensor embed(std::span<const TokenizedText> texts, const ForwardOptions& options) const;
  // Of embeddings as the folder's own modules give them: the modules that were appended.
  at::Tensor apply_appended(const at::Tensor& embeddings) const;

  std::size_t dim() const;
  std::size_t max_seq_length() const { return max_seq_length_; }
  const TransformerConfig& config() const { return transformer_->config(); }
  TrainableTransformer& transformer() { return *transformer_; }
  const TrainableTransformer& transformer() const { return *transformer_; }
  // Null where the weights themselves are trained.
  const LoraLinears* lora() const { return lora_.get(); }

  // A Dense module behind all others: `weight` is outputs x dim(). Saved as one.
  void append_dense(at::Tensor weight, at::Tensor bias);
  void append_normalize();

  // What is trained. Embeddings are the largest part of a small model; Dense modules always are.
  struct Trained {
    bool transformer = true;
    bool word_embeddings = true;
  };
  ParameterSet parameters(const Trained& trained) const;

  // A copy of the folder with these weights, in float32, or with its own and adapters beside them. It appears whole or not at all.
  // already_exists when `target` is something else than an empty folder.
  Status save(const std::filesystem::path& target) const;

 private:
  struct Dense {
    at::Tensor weight;
    at::Tensor bias;  // undefined: none
    Activation activation = Activation::kNone;
  };
  struct Stage {
    std::optional<Dense> dense;  // nothing: normalize
    bool appended = false;       // the folder that was loaded does not have it
  };

  TrainableEncoder() = default;
  Result<Backbone> open_backbone(std::size_t max_seq_length, bool frozen) const;
  Status load_stages();
  at::Tensor apply_stages(at::Tensor embeddings, bool appended_alone) const;

  std::filesystem::path folder_;
  ModelFiles files_;
  std::size_t max_seq_length_ = 0;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<LoraLinears> lora_;
  std::unique_ptr<TrainableTransformer> transformer_;  // its address stays: gradients refer to it
  std::vector<Stage> stages_;

  friend class FolderWriter;
};

}  // namespace orthant
