// MPNet (Song et al. 2020): learned positions as in RoBERTa, and a bias for relative positions that all layers share.

#include "encoder/model/architectures/architecture.h"

namespace orthant {
namespace {

constexpr std::uint32_t kPaddingId = 1;
constexpr std::size_t kMaxBuckets = 256;

TensorNames mpnet_names() {
  return {.word_embeddings = "embeddings.word_embeddings",
          .position_embeddings = "embeddings.position_embeddings",
          .token_type_embeddings = "",
          .embedding_norm = "embeddings.LayerNorm",
          .relative_bias = "encoder.relative_attention_bias",
          .final_norm = "",
          .layer = "encoder.layer.{}.",
          .query_key_value = {"attention.query_key_value", {"attention.attn.q", "attention.attn.k", "attention.attn.v"}},
          .query_norm = "",
          .key_norm = "",
          .attention_output = {"attention.attn.o", {"attention.attn.o"}},
          .attention_norm = "attention.LayerNorm",
          .intermediate = {"intermediate.dense", {"intermediate.dense"}},
          .output = {"output.dense", {"output.dense"}},
          .feed_forward_norm = "output.LayerNorm"};
}

}  // namespace

Result<TransformerConfig> read_mpnet(const ConfigFile& file) {
  TransformerConfig config = ORTHANT_TRY(read_sizes(file));
  ORTHANT_TRY(read_epsilon(file, "layer_norm_eps", 1e-12, config));
  ORTHANT_TRY(read_activation(file, "hidden_act", "gelu", config));
  config.learned_positions = true;
  config.padding_id = kPaddingId;
  config.position_offset = kPaddingId + 1;
  ORTHANT_TRY(check_range(file, "max_position_embeddings", config.max_positions, config.position_offset + 1, config.max_positions));
  config.max_positions -= config.position_offset;
  config.relative_buckets = ORTHANT_TRY(file.size("relative_attention_num_buckets")).value_or(32);
  ORTHANT_TRY(check_range(file, "relative_attention_num_buckets", config.relative_buckets, 4, kMaxBuckets));
  config.layouts = {mpnet_names()};
  config.prefixes = {"", "mpnet."};
  return config;
}

}  // namespace orthant
