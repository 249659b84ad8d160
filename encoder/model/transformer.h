#pragma once
// Transformer: a BERT encoder in float32 without padding: the tokens of all sequences stand one after the other in one matrix, the
// linear layers see only that matrix, and attention runs per sequence and head. Owns its packed weights; the word embeddings stay
// in the mapped file. Immutable after load, any thread (each with its own Workspace).

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "encoder/kernels/packed_linear.h"
#include "encoder/model/model_files.h"
#include "encoder/model/safetensors.h"
#include "encoder/model/workspace.h"

namespace orthant {

class Transformer {
 public:
  // Takes the tensors' names with and without the prefix "bert.".
  static Result<Transformer> load(SafeTensors weights, const TransformerConfig& config, const FloatKernels& kernels);

  // The last hidden states: (sum of lengths) x hidden_size, valid until the workspace is used again. invalid_argument for a
  // sequence that is empty or longer than max_positions, and for an id outside of the vocabulary.
  Result<std::span<const float>> forward(std::span<const std::span<const std::uint32_t>> sequences, Workspace& workspace) const;

  const TransformerConfig& config() const { return config_; }
  const SafeTensors& weights() const { return *weights_; }
  std::size_t parameter_count() const { return parameter_count_; }
  std::size_t memory_bytes() const;

 private:
  struct NormWeights {
    std::vector<float> gamma;
    std::vector<float> beta;
  };
  struct Layer {
    PackedLinear query_key_value;  // fused: 3 hidden_size outputs
    std::vector<float> query_key_value_bias;
    PackedLinear attention_output;
    std::vector<float> attention_output_bias;
    NormWeights attention_norm;
    PackedLinear intermediate;
    std::vector<float> intermediate_bias;
    PackedLinear output;
    std::vector<float> output_bias;
    NormWeights output_norm;
  };
  struct Activations;
  class Loader;

  Transformer() = default;
  Status check(std::span<const std::span<const std::uint32_t>> sequences) const;
  Activations prepare(std::span<const std::span<const std::uint32_t>> sequences, Workspace& workspace) const;
  void embed(std::span<const std::span<const std::uint32_t>> sequences, const Activations& activations) const;
  void attend(const Layer& layer, std::span<const std::span<const std::uint32_t>> sequences, const Activations& activations) const;
  void feed_forward(const Layer& layer, const Activations& activations) const;
  void add_and_norm(std::size_t rows, const float* input, const std::vector<float>& bias, const NormWeights& norm,
                    float* residual) const;

  TransformerConfig config_;
  const FloatKernels* kernels_ = nullptr;
  std::unique_ptr<SafeTensors> weights_;
  std::size_t parameter_count_ = 0;
  std::vector<float> word_storage_;  // only where the file does not hold float32
  std::span<const float> word_embeddings_;
  std::vector<float> position_embeddings_;
  std::vector<float> token_type_row_;  // of type 0, the only one that sentences use
  NormWeights embedding_norm_;
  AlignedArray<float> packed_weights_;  // of all layers
  std::vector<Layer> layers_;
};

}  // namespace orthant
