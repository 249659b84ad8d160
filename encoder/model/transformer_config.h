#pragma once
// TransformerConfig: one description of a transformer for all families that we run: what its blocks compute, and under which names
// its tensors stand. read_transformer_config() makes it from a config.json (architectures/ knows the families); the code of the
// blocks (transformer.h) knows no family. Plain values.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "encoder/kernels/float_kernels.h"
#include "encoder/model/quantization_config.h"
#include "encoder/weight_precision.h"

namespace orthant {

// Names without the family's prefix ("bert."), without ".weight" and ".bias"; those of a layer go behind `layer`, in which {}
// stands for its number. An empty name: the model has no such tensor.
struct TensorNames {
  // A linear layer of ours, and the tensors of the file whose outputs it holds one below the other.
  struct Product {
    std::string name;
    std::vector<std::string> parts;
  };

  std::string word_embeddings;
  std::string position_embeddings;
  std::string token_type_embeddings;
  std::string embedding_norm;
  std::string relative_bias;  // buckets x heads, of all layers
  std::string final_norm;
  std::string layer;
  Product query_key_value;  // one part, or three
  std::string query_norm;   // of each head
  std::string key_norm;
  Product attention_output;
  std::string attention_norm;     // after the attention (post-norm) or before it (pre-norm)
  Product intermediate;           // gated: the gate's outputs first; one part, or two
  Product output;                 // of the feed-forward block
  std::string feed_forward_norm;  // after the feed-forward block (post-norm) or before it (pre-norm)
};

// What differs from layer to layer.
struct LayerAttention {
  std::size_t keys_before = SIZE_MAX;  // of a query, see AttentionHead
  std::size_t keys_after = SIZE_MAX;
  double rotary_theta = 0;  // 0: no rotary positions
};

struct TransformerConfig {
  std::string architecture;                                   // "BertModel", ...
  WeightPrecision stored_precision = WeightPrecision::kAuto;  // config.json's dtype; auto: it says nothing
  std::optional<QuantizationConfig> quantization;             // of quantized folders

  std::size_t hidden_size = 0;
  std::size_t heads = 0;
  std::size_t key_value_heads = 0;  // divides heads
  std::size_t head_dim = 0;
  std::size_t intermediate_size = 0;
  std::size_t vocabulary_size = 0;
  std::size_t max_positions = 0;  // longest sequence
  std::size_t token_types = 0;    // 0: none
  std::vector<LayerAttention> layers;

  // Learned positions: row position + position_offset of the table. Tokens of id `padding_id` take the row of that number and no
  // position of their own (RoBERTa counts so).
  bool learned_positions = false;
  std::size_t position_offset = 0;
  std::optional<std::uint32_t> padding_id;
  // Relative positions: a bias on the scores for the bucket of the distance of key and query (T5). 0: none.
  std::size_t relative_buckets = 0;
  // Rotary positions: so many values of each head turn.
  std::size_t rotary_dims = 0;

  NormKind norm = NormKind::kLayer;
  float norm_epsilon = 0;
  bool norm_bias = true;
  bool embedding_norm = true;
  // x + block(norm(x)) with a norm at the end, else norm(x + block(x)).
  bool pre_norm = false;
  bool first_norm = true;  // of pre-norm: whether layer 0 has its attention norm
  bool query_key_norm = false;

  Activation activation = Activation::kGeluErf;
  bool gated = false;
  bool query_key_value_bias = true;
  bool attention_output_bias = true;
  bool intermediate_bias = true;
  bool output_bias = true;

  // Names in use for this family; the file decides which.
  std::vector<TensorNames> layouts;
  std::vector<std::string> prefixes = {""};
};

// Reads config.json of `folder`. not_found where there is none; invalid_argument names what is not supported and what is;
// data_corruption names file and field.
Result<TransformerConfig> read_transformer_config(const std::filesystem::path& folder);

}  // namespace orthant
