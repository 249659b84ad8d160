#pragma once
// TrainableTransformer: the BERT family (BERT, MiniLM, RoBERTa, DistilBERT, MPNet) as differentiable tensors: what Transformer
// (encoder/model/transformer.h) computes, with gradients. Nothing is padded: the tokens of all sequences stand one after the other
// in one matrix and attention runs per sequence, as there. One thread at a time; libtorch may use its own for a product.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "encoder/model/transformer.h"
#include "encoder/training/lora_linears.h"
#include "encoder/training/parameter_set.h"
#include "encoder/training/torch_api.h"

namespace orthant {

struct ForwardOptions {
  double dropout = 0;          // of hidden states and attention probabilities; drawn from libtorch's default generator
  bool bfloat16 = false;       // linear layers multiply in bfloat16; weights, sums of residuals, norms and softmax stay float32
  double adapter_dropout = 0;  // of what LoRA adapters see
  bool checkpointing = false;  // keeps the inputs of the blocks alone and computes the rest again for the gradients

  // Whether a pass draws random numbers.
  bool draws() const { return dropout > 0 || adapter_dropout > 0; }
};

class TrainableTransformer {
 public:
  // What linear layer `linear` multiplies in place of its input and weights, with gradients to both: fake quantization.
  struct Operands {
    at::Tensor input;   // tokens x inputs
    at::Tensor weight;  // outputs x inputs
  };
  using LinearForm = std::function<Operands(std::size_t linear, const at::Tensor& input, const at::Tensor& weight)>;

  // Copies the weights of `model`. invalid_argument for families that are not trained: those with rotary positions, gates or norms
  // before the blocks.
  // `lora`: linear layers are those, which must outlive it, and nothing else is trained; word embeddings stay in the mapped file.
  static Result<TrainableTransformer> make(const Transformer& model, const LoraLinears* lora = nullptr);

  // The last hidden states, (sum of lengths) x hidden_size. Sequences are checked as by Transformer (asserted here).
  at::Tensor forward(std::span<const TokenSequence> sequences, const ForwardOptions& options) const;

  const TransformerConfig& config() const { return config_; }
  // Adds what is to be trained to `set`; names are those of the tensors of the file, of linear layers those of LinearInfo.
  void add_parameters(bool with_embeddings, ParameterSet& set) const;
  void set_linear_form(LinearForm form) { linear_form_ = std::move(form); }

  // One linear layer: query, key and value fused. `tensors` says how the file holds it.
  struct Linear {
    LinearTensors tensors;
    at::Tensor weight;  // outputs x inputs; undefined with adapters: LoraLinears holds it
    at::Tensor bias;    // undefined: none
  };
  std::span<const Linear> linears() const { return linears_; }
  // Every other tensor of the model under its name in the file, for writing.
  struct NamedTensor {
    std::string name;
    at::Tensor tensor;
  };
  std::span<const NamedTensor> others() const { return others_; }
  // Of word embeddings that stay in the file.
  std::size_t mapped_bytes() const { return mapped_words_.memory_bytes(); }

 private:
  struct Norm {
    at::Tensor gamma;
    at::Tensor beta;
  };
  struct Block {
    std::size_t first_linear = 0;  // query_key_value; attention output, intermediate and output follow
    Norm attention_norm;
    Norm feed_forward_norm;
  };
  struct Pass;
  class Checkpointed;

  TrainableTransformer() = default;
  Status read(const Transformer& model);
  Status read_words(const Transformer& model, const std::string& name);
  Result<at::Tensor> tensor(const Transformer& model, const std::string& name, at::IntArrayRef shape);
  Result<Norm> norm(const Transformer& model, const std::string& name);
  at::Tensor embed(std::span<const TokenSequence> sequences, const ForwardOptions& options) const;
  at::Tensor word_rows(const std::vector<std::int64_t>& ids) const;
  at::Tensor relative_bias(std::int64_t tokens) const;
  at::Tensor run_block(std::size_t block, const at::Tensor& hidden, const Pass& pass) const;
  at::Tensor attend(const at::Tensor& query_key_value, const Pass& pass) const;
  at::Tensor multiply(std::size_t linear, const at::Tensor& input, const Pass& pass) const;
  at::Tensor activate(const at::Tensor& input) const;
  at::Tensor normalize(const Norm& norm, const at::Tensor& input) const;

  TransformerConfig config_;
  at::Tensor word_embeddings_;  // undefined with adapters
  std::unique_ptr<SafeTensors> mapped_;
  EmbeddingTable mapped_words_;
  const LoraLinears* lora_ = nullptr;
  at::Tensor position_embeddings_;    // undefined: none
  at::Tensor token_type_embeddings_;  // undefined: none
  at::Tensor relative_weights_;       // buckets x heads; undefined: none
  at::Tensor relative_buckets_;       // of the distances key - query from 1 - max_positions on
  Norm embedding_norm_;
  std::vector<Block> blocks_;
  std::vector<Linear> linears_;
  std::vector<NamedTensor> others_;
  LinearForm linear_form_;
};

}  // namespace orthant
