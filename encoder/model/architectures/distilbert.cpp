// DistilBERT (Sanh et al. 2019): BERT without token types, under names of its own.

#include "encoder/model/architectures/architecture.h"

namespace orthant {
namespace {

TensorNames distilbert_names() {
  return {.word_embeddings = "embeddings.word_embeddings",
          .position_embeddings = "embeddings.position_embeddings",
          .token_type_embeddings = "",
          .embedding_norm = "embeddings.LayerNorm",
          .relative_bias = "",
          .final_norm = "",
          .layer = "transformer.layer.{}.",
          .query_key_value = {"attention.query_key_value", {"attention.q_lin", "attention.k_lin", "attention.v_lin"}},
          .query_norm = "",
          .key_norm = "",
          .attention_output = {"attention.out_lin", {"attention.out_lin"}},
          .attention_norm = "sa_layer_norm",
          .intermediate = {"ffn.lin1", {"ffn.lin1"}},
          .output = {"ffn.lin2", {"ffn.lin2"}},
          .feed_forward_norm = "output_layer_norm"};
}

}  // namespace

Result<TransformerConfig> read_distilbert(const ConfigFile& file) {
  TransformerConfig config = ORTHANT_TRY(
      read_sizes(file, {.hidden_size = "dim", .layers = "n_layers", .heads = "n_heads", .intermediate_size = "hidden_dim"}));
  ORTHANT_TRY(read_activation(file, "activation", "gelu", config));
  config.norm_epsilon = 1e-12F;
  config.learned_positions = true;
  config.layouts = {distilbert_names()};
  config.prefixes = {"", "distilbert."};
  return config;
}

}  // namespace orthant
