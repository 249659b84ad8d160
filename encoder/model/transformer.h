#pragma once
// Transformer: any of the models that TransformerConfig describes, without padding: the tokens of all sequences stand one after the
// other in one matrix, the linear layers see only that matrix, and attention runs per sequence and head. Owns its packed weights;
// the word embeddings stay in the mapped file. Immutable after load, any thread (each with its own Workspace), but for
// replace_linear().

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/result.h"
#include "encoder/kernels/linear.h"
#include "encoder/model/embedding_table.h"
#include "encoder/model/linear_tensors.h"
#include "encoder/model/lora_adapters.h"
#include "encoder/model/rotary_table.h"
#include "encoder/model/safetensors.h"
#include "encoder/model/transformer_config.h"
#include "encoder/model/workspace.h"
#include "encoder/weight_precision.h"

namespace orthant {

struct TokenSequence {
  std::span<const std::uint32_t> ids;
  // The segment of each id; empty: all of segment 0.
  std::span<const std::uint8_t> type_ids = {};
};

// One linear layer as it is packed now.
struct LinearInfo {
  std::string name;  // stable: "encoder.layer.0.attention.query_key_value"
  std::size_t outputs = 0;
  std::size_t inputs = 0;
  WeightPrecision precision = WeightPrecision::kFloat32;
  std::size_t memory_bytes = 0;
};

// What stands between two blocks: a row a token.
struct BlockState {
  std::vector<float> hidden;
  std::vector<float> normed;  // in pre-norm models only
};

class Transformer {
 public:
  // Finds the tensors with and without the family's prefix, and adapters (lora_adapters.h) beside their file. `precision` kAuto: as
  // config.json says, else as the file holds them. The caller checks cpu_supports(level).
  static Result<Transformer> load(SafeTensors weights, const TransformerConfig& config, WeightPrecision precision, CpuLevel level);

  // The last hidden states: (sum of lengths) x hidden_size, valid until the workspace is used again. invalid_argument for a
  // sequence that is empty or longer than max_positions, and for an id outside of the vocabulary or its types.
  Result<std::span<const float>> forward(std::span<const TokenSequence> sequences, Workspace& workspace) const;

  // A pass in parts, for what runs the last blocks again and again. The states that stand before block 0:
  Result<BlockState> first_state(std::span<const TokenSequence> sequences, Workspace& workspace) const;
  // before block `first` + 1, from those before block `first`:
  void advance(std::size_t first, BlockState& state, std::span<const TokenSequence> sequences, Workspace& workspace) const;
  // what forward() gives, from the states before block `first`:
  std::span<const float> finish(std::size_t first, const BlockState& state, std::span<const TokenSequence> sequences,
                                Workspace& workspace) const;

  const TransformerConfig& config() const { return config_; }
  const SafeTensors& weights() const { return *weights_; }
  // Null where there are none.
  const LoraAdapters* adapters() const { return adapters_.get(); }
  // Of the names that were found in the file: "" or "bert.".
  const std::string& prefix() const { return prefix_; }
  const EmbeddingTable& word_embeddings() const { return word_embeddings_; }
  CpuLevel level() const { return level_; }
  std::size_t parameter_count() const { return parameter_count_; }
  std::size_t memory_bytes() const;
  // Of the linear layers; kMixed where they differ.
  WeightPrecision precision() const;

  // For quantizers. `linear` is a place in linears().
  std::span<const LinearInfo> linears() const { return infos_; }
  // As the file holds them, fused; with the update of adapters added (then in float32).
  Result<LinearWeights> linear_weights(std::size_t linear) const;
  const LinearTensors& linear_tensors(std::size_t linear) const { return tensors_[linear]; }
  // Empty where the layer has none.
  std::span<const float> linear_bias(std::size_t linear) const { return biases_[linear]; }
  // The block that the layer is a part of.
  std::size_t block_of(std::size_t linear) const;
  std::size_t block_count() const { return layers_.size(); }
  // Packs other weights of the same shape. No other thread may use the model meanwhile.
  void replace_linear(std::size_t linear, const LinearWeights& weights);

 private:
  struct Norm {
    std::vector<float> gamma;
    std::vector<float> beta;  // empty: none
  };
  // Places in linears() and the norms around them. A norm follows each residual sum and makes the input of the next block: in
  // pre-norm models that is the norm of the block that comes.
  struct Layer {
    std::size_t query_key_value = 0;
    std::size_t attention_output = 0;
    std::size_t intermediate = 0;
    std::size_t output = 0;
    Norm after_attention;
    Norm after_feed_forward;
    Norm query_norm;
    Norm key_norm;
    const RotaryTable* rotary = nullptr;  // null: no rotary positions
  };
  struct Activations;
  class Loader;

  Transformer() = default;
  // Gives the place of the new layer.
  std::size_t add_linear(LinearTensors tensors, const LinearWeights& weights, const LowRankUpdate* beside, std::vector<float> bias,
                         Activation activation);
  Status check(std::span<const TokenSequence> sequences) const;
  Activations prepare(std::span<const TokenSequence> sequences, Workspace& workspace) const;
  void embed(std::span<const TokenSequence> sequences, const Activations& activations) const;
  void embed_sequence(const TokenSequence& sequence, float* rows) const;
  BlockState copy_state(const Activations& activations) const;
  Activations prepare_from(const BlockState& state, std::span<const TokenSequence> sequences, Workspace& workspace) const;
  void run_block(std::size_t layer, std::span<const TokenSequence> sequences, const Activations& activations) const;
  void attend(std::size_t layer, std::span<const TokenSequence> sequences, const Activations& activations) const;
  bool attends_in_integers(const Layer& layer) const;
  void attend_sequence(std::size_t layer, std::size_t tokens, const float* rows, float* context, float* scratch) const;
  void turn_heads(const Layer& layer, std::size_t tokens, float* rows) const;
  void feed_forward(const Layer& layer, const Activations& activations) const;
  void run_linear(std::size_t linear, std::size_t rows, const float* input, float* output, Workspace& workspace) const;
  void normalize(const Norm& norm, std::size_t rows, std::size_t columns, const float* input, float* output) const;
  void add_and_norm(const Norm& norm, std::size_t first, std::size_t rows, const float* input,
                    const Activations& activations) const;
  std::size_t query_key_value_size() const { return (config_.heads + 2 * config_.key_value_heads) * config_.head_dim; }

  TransformerConfig config_;
  CpuLevel level_ = CpuLevel::kPortable;
  const FloatKernels* kernels_ = nullptr;
  std::unique_ptr<SafeTensors> weights_;
  std::unique_ptr<LoraAdapters> adapters_;
  std::string prefix_;
  std::size_t parameter_count_ = 0;
  EmbeddingTable word_embeddings_;
  std::vector<float> position_embeddings_;
  std::vector<float> token_type_embeddings_;
  Norm embedding_norm_;
  Norm first_norm_;                   // of pre-norm models; empty: none
  std::vector<float> relative_bias_;  // see relative_bias.h; empty: none
  std::vector<std::unique_ptr<const RotaryTable>> rotary_tables_;
  std::vector<Layer> layers_;

  std::unique_ptr<WeightArena> arena_;
  std::vector<LinearTensors> tensors_;
  std::vector<LinearInfo> infos_;
  std::vector<std::vector<float>> biases_;
  std::vector<Activation> activations_;
  std::vector<std::unique_ptr<const Linear>> linears_;
  std::vector<std::unique_ptr<WeightArena>> replaced_arenas_;  // of replaced layers; null where the layer is in arena_
};

}  // namespace orthant
