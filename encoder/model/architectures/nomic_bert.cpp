// NomicBert (Nussbaum et al. 2024): BERT with rotary positions, SwiGLU and hardly any bias. Two sets of names: those of the model's
// own code, in which its files are published, and those of transformers 5.

#include "encoder/model/architectures/architecture.h"

namespace orthant {
namespace {

TensorNames published_names() {
  return {.word_embeddings = "embeddings.word_embeddings",
          .position_embeddings = "",
          .token_type_embeddings = "embeddings.token_type_embeddings",
          .embedding_norm = "emb_ln",
          .relative_bias = "",
          .final_norm = "",
          .layer = "encoder.layers.{}.",
          .query_key_value = {"attn.Wqkv", {"attn.Wqkv"}},
          .query_norm = "",
          .key_norm = "",
          .attention_output = {"attn.out_proj", {"attn.out_proj"}},
          .attention_norm = "norm1",
          .intermediate = {"mlp.gate_up", {"mlp.fc12", "mlp.fc11"}},
          .output = {"mlp.fc2", {"mlp.fc2"}},
          .feed_forward_norm = "norm2"};
}

TensorNames transformers_names() {
  return {.word_embeddings = "embeddings.word_embeddings",
          .position_embeddings = "",
          .token_type_embeddings = "embeddings.token_type_embeddings",
          .embedding_norm = "embeddings.LayerNorm",
          .relative_bias = "",
          .final_norm = "",
          .layer = "layers.{}.",
          .query_key_value = {"self_attn.query_key_value", {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}},
          .query_norm = "",
          .key_norm = "",
          .attention_output = {"self_attn.o_proj", {"self_attn.o_proj"}},
          .attention_norm = "post_attention_layernorm",
          .intermediate = {"mlp.gate_up", {"mlp.gate_proj", "mlp.up_proj"}},
          .output = {"mlp.down_proj", {"mlp.down_proj"}},
          .feed_forward_norm = "post_mlp_layernorm"};
}

// config.json of the model's own code is a GPT-2 configuration with more fields.
Result<TransformerConfig> read_published(const ConfigFile& file) {
  ORTHANT_TRY(require_text(file, "activation_function", "swiglu"));
  ORTHANT_TRY(require_boolean(file, "prenorm", false));
  ORTHANT_TRY(require_boolean(file, "parallel_block", false));
  ORTHANT_TRY(require_boolean(file, "rotary_emb_interleaved", false));
  ORTHANT_TRY(require_boolean(file, "use_rms_norm", false));
  TransformerConfig config = ORTHANT_TRY(read_sizes(file, {.hidden_size = "n_embd",
                                                           .layers = "n_layer",
                                                           .heads = "n_head",
                                                           .intermediate_size = "n_inner",
                                                           .max_positions = "n_positions"}));
  // Beyond the trained length the model's own code stretches the rotary base, which we do not.
  const std::size_t trained = ORTHANT_TRY(file.size("max_trained_positions")).value_or(config.max_positions);
  if (trained >= 1 && trained < config.max_positions) config.max_positions = trained;
  const double fraction = ORTHANT_TRY(file.number("rotary_emb_fraction")).value_or(0.0);
  if (!(fraction > 0.0 && fraction <= 1.0)) return file.mismatch("rotary_emb_fraction", "a number above 0, at most 1");
  config.rotary_dims = static_cast<std::size_t>(static_cast<double>(config.head_dim) * fraction);
  const double theta = ORTHANT_TRY(read_rotary_theta(file, "", "rotary_emb_base", 10000.0));
  for (LayerAttention& layer : config.layers) layer.rotary_theta = theta;
  ORTHANT_TRY(read_epsilon(file, "layer_norm_epsilon", 1e-5, config));
  config.query_key_value_bias = ORTHANT_TRY(file.boolean_or("qkv_proj_bias", true));
  config.attention_output_bias = config.query_key_value_bias;
  config.intermediate_bias = ORTHANT_TRY(file.boolean_or("mlp_fc1_bias", true));
  config.output_bias = ORTHANT_TRY(file.boolean_or("mlp_fc2_bias", true));
  config.activation = Activation::kSilu;
  return config;
}

Result<TransformerConfig> read_of_transformers(const ConfigFile& file) {
  TransformerConfig config = ORTHANT_TRY(read_sizes(file));
  const double theta = ORTHANT_TRY(read_rotary_theta(file, "", "rope_theta", 1000.0));
  for (LayerAttention& layer : config.layers) layer.rotary_theta = theta;
  config.head_dim = ORTHANT_TRY(file.size("head_dim")).value_or(config.head_dim);
  ORTHANT_TRY(check_range(file, "head_dim", config.head_dim, 1, config.hidden_size));
  config.rotary_dims = config.head_dim;
  ORTHANT_TRY(read_epsilon(file, "layer_norm_eps", 1e-12, config));
  ORTHANT_TRY(read_activation(file, "hidden_act", "silu", config));
  config.query_key_value_bias = false;
  config.attention_output_bias = false;
  config.intermediate_bias = false;
  config.output_bias = false;
  return config;
}

}  // namespace

Result<TransformerConfig> read_nomic_bert(const ConfigFile& file) {
  const bool published = file.element("n_embd").has_value();
  TransformerConfig config = published ? ORTHANT_TRY(read_published(file)) : ORTHANT_TRY(read_of_transformers(file));
  ORTHANT_TRY(read_token_types(file, config));
  config.gated = true;
  config.layouts = {published_names(), transformers_names()};
  config.prefixes = {"", "bert.", "nomic_bert.", "model."};
  return config;
}

}  // namespace orthant
