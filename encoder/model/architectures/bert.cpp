// BERT (Devlin et al. 2019), and what shares its layout: MiniLM, BGE, GTE, E5.

#include "encoder/model/architectures/architecture.h"

namespace orthant {
namespace {

TensorNames bert_names() {
  return {.word_embeddings = "embeddings.word_embeddings",
          .position_embeddings = "embeddings.position_embeddings",
          .token_type_embeddings = "embeddings.token_type_embeddings",
          .embedding_norm = "embeddings.LayerNorm",
          .relative_bias = "",
          .final_norm = "",
          .layer = "encoder.layer.{}.",
          .query_key_value = {"attention.query_key_value", {"attention.self.query", "attention.self.key", "attention.self.value"}},
          .query_norm = "",
          .key_norm = "",
          .attention_output = {"attention.output.dense", {"attention.output.dense"}},
          .attention_norm = "attention.output.LayerNorm",
          .intermediate = {"intermediate.dense", {"intermediate.dense"}},
          .output = {"output.dense", {"output.dense"}},
          .feed_forward_norm = "output.LayerNorm"};
}

// Decoders and other position schemes compute something else than what we would.
Status check_encoder(const ConfigFile& file) {
  ORTHANT_TRY(require_text(file, "position_embedding_type", "absolute"));
  ORTHANT_TRY(require_boolean(file, "is_decoder", false));
  return require_boolean(file, "add_cross_attention", false);
}

Result<TransformerConfig> read_bert_like(const ConfigFile& file) {
  ORTHANT_TRY(check_encoder(file));
  TransformerConfig config = ORTHANT_TRY(read_sizes(file));
  ORTHANT_TRY(read_token_types(file, config));
  ORTHANT_TRY(read_epsilon(file, "layer_norm_eps", 1e-12, config));
  ORTHANT_TRY(read_activation(file, "hidden_act", "gelu", config));
  config.learned_positions = true;
  config.layouts = {bert_names()};
  return config;
}

}  // namespace

Result<TransformerConfig> read_bert(const ConfigFile& file) {
  TransformerConfig config = ORTHANT_TRY(read_bert_like(file));
  config.prefixes = {"", "bert."};
  return config;
}

// As BERT, but positions are counted from behind the padding's id.
Result<TransformerConfig> read_roberta(const ConfigFile& file) {
  TransformerConfig config = ORTHANT_TRY(read_bert_like(file));
  config.prefixes = {"", "roberta."};
  const std::size_t padding_id = ORTHANT_TRY(file.size("pad_token_id")).value_or(1);
  ORTHANT_TRY(check_range(file, "pad_token_id", padding_id, 0, config.vocabulary_size - 1));
  config.padding_id = static_cast<std::uint32_t>(padding_id);
  config.position_offset = padding_id + 1;
  ORTHANT_TRY(check_range(file, "max_position_embeddings", config.max_positions, config.position_offset + 1, config.max_positions));
  config.max_positions -= config.position_offset;
  return config;
}

}  // namespace orthant
