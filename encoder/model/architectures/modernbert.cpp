// ModernBERT (Warner et al. 2024): pre-norm, rotary positions, GeGLU, and attention within a window in two layers of three.

#include <string>

#include <fmt/format.h>

#include "encoder/model/architectures/architecture.h"

namespace orthant {
namespace {

constexpr std::size_t kMaxWindow = 1 << 20;

TensorNames modernbert_names() {
  return {.word_embeddings = "embeddings.tok_embeddings",
          .position_embeddings = "",
          .token_type_embeddings = "",
          .embedding_norm = "embeddings.norm",
          .relative_bias = "",
          .final_norm = "final_norm",
          .layer = "layers.{}.",
          .query_key_value = {"attn.Wqkv", {"attn.Wqkv"}},
          .query_norm = "",
          .key_norm = "",
          .attention_output = {"attn.Wo", {"attn.Wo"}},
          .attention_norm = "attn_norm",
          .intermediate = {"mlp.Wi", {"mlp.Wi"}},
          .output = {"mlp.Wo", {"mlp.Wo"}},
          .feed_forward_norm = "mlp_norm"};
}

// Which layers see all tokens: layer_types names each, older files say "each n-th".
Result<std::vector<bool>> read_global_layers(const ConfigFile& file, std::size_t layers) {
  std::vector<bool> global(layers);
  const auto types = file.element("layer_types");
  if (!types) {
    const std::size_t every = ORTHANT_TRY(file.size("global_attn_every_n_layers")).value_or(3);
    ORTHANT_TRY(check_range(file, "global_attn_every_n_layers", every, 1, kMaxWindow));
    for (std::size_t i = 0; i < layers; ++i) global[i] = i % every == 0;
    return global;
  }
  simdjson::dom::array names;
  if (types->get_array().get(names) != simdjson::SUCCESS || names.size() != layers) {
    return file.mismatch("layer_types", fmt::format("the names of {} layers", layers));
  }
  std::size_t layer = 0;
  for (simdjson::dom::element entry : names) {
    std::string_view name;
    const bool known =
        entry.get_string().get(name) == simdjson::SUCCESS && (name == "full_attention" || name == "sliding_attention");
    if (!known) return file.mismatch("layer_types", "full_attention or sliding_attention");
    global[layer++] = name == "full_attention";
  }
  return global;
}

Status read_layers(const ConfigFile& file, TransformerConfig& config) {
  const std::vector<bool> global = ORTHANT_TRY(read_global_layers(file, config.layers.size()));
  const double global_theta = ORTHANT_TRY(read_rotary_theta(file, "full_attention", "global_rope_theta", 160000.0));
  const double local_theta = ORTHANT_TRY(read_rotary_theta(file, "sliding_attention", "local_rope_theta", 10000.0));
  const std::size_t window = ORTHANT_TRY(file.size("local_attention")).value_or(128);
  ORTHANT_TRY(check_range(file, "local_attention", window, 1, kMaxWindow));
  for (std::size_t i = 0; i < global.size(); ++i) {
    config.layers[i].rotary_theta = global[i] ? global_theta : local_theta;
    if (global[i]) continue;
    config.layers[i].keys_before = window / 2;
    config.layers[i].keys_after = window / 2;
  }
  return {};
}

}  // namespace

Result<TransformerConfig> read_modernbert(const ConfigFile& file) {
  TransformerConfig config = ORTHANT_TRY(read_sizes(file));
  ORTHANT_TRY(read_epsilon(file, "norm_eps", 1e-5, config));
  ORTHANT_TRY(read_activation(file, "hidden_activation", "gelu", config));
  ORTHANT_TRY(read_layers(file, config));
  config.rotary_dims = config.head_dim;
  config.norm_bias = ORTHANT_TRY(file.boolean_or("norm_bias", false));
  config.pre_norm = true;
  config.first_norm = false;
  config.gated = true;
  config.query_key_value_bias = ORTHANT_TRY(file.boolean_or("attention_bias", false));
  config.attention_output_bias = config.query_key_value_bias;
  config.intermediate_bias = ORTHANT_TRY(file.boolean_or("mlp_bias", false));
  config.output_bias = config.intermediate_bias;
  config.layouts = {modernbert_names()};
  config.prefixes = {"", "model."};
  return config;
}

}  // namespace orthant
