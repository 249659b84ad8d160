// Qwen3 (2025) as an embedder: a decoder, so a token sees those before it; RMSNorm, fewer key-value heads than query heads, a norm
// on each head's queries and keys, rotary positions, SwiGLU.

#include "encoder/model/architectures/architecture.h"

namespace orthant {
namespace {

constexpr std::size_t kMaxHeadDim = 1024;

TensorNames qwen3_names() {
  return {.word_embeddings = "embed_tokens",
          .position_embeddings = "",
          .token_type_embeddings = "",
          .embedding_norm = "",
          .relative_bias = "",
          .final_norm = "norm",
          .layer = "layers.{}.",
          .query_key_value = {"self_attn.query_key_value", {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}},
          .query_norm = "self_attn.q_norm",
          .key_norm = "self_attn.k_norm",
          .attention_output = {"self_attn.o_proj", {"self_attn.o_proj"}},
          .attention_norm = "input_layernorm",
          .intermediate = {"mlp.gate_up", {"mlp.gate_proj", "mlp.up_proj"}},
          .output = {"mlp.down_proj", {"mlp.down_proj"}},
          .feed_forward_norm = "post_attention_layernorm"};
}

}  // namespace

Result<TransformerConfig> read_qwen3(const ConfigFile& file) {
  ORTHANT_TRY(require_boolean(file, "use_sliding_window", false));
  TransformerConfig config = ORTHANT_TRY(read_sizes(file));
  config.key_value_heads = ORTHANT_TRY(file.size("num_key_value_heads")).value_or(config.heads);
  ORTHANT_TRY(check_range(file, "num_key_value_heads", config.key_value_heads, 1, config.heads));
  config.head_dim = ORTHANT_TRY(file.size("head_dim")).value_or(128);
  ORTHANT_TRY(check_range(file, "head_dim", config.head_dim, 1, kMaxHeadDim));
  const double theta = ORTHANT_TRY(read_rotary_theta(file, "", "rope_theta", 10000.0));
  for (LayerAttention& layer : config.layers) {
    layer.rotary_theta = theta;
    layer.keys_after = 0;
  }
  config.rotary_dims = config.head_dim;
  ORTHANT_TRY(read_epsilon(file, "rms_norm_eps", 1e-6, config));
  ORTHANT_TRY(read_activation(file, "hidden_act", "silu", config));
  config.norm = NormKind::kRootMeanSquare;
  config.norm_bias = false;
  config.embedding_norm = false;
  config.pre_norm = true;
  config.query_key_norm = true;
  config.gated = true;
  config.query_key_value_bias = ORTHANT_TRY(file.boolean_or("attention_bias", false));
  config.attention_output_bias = config.query_key_value_bias;
  config.intermediate_bias = false;
  config.output_bias = false;
  config.layouts = {qwen3_names()};
  config.prefixes = {"", "model."};
  return config;
}

}  // namespace orthant
