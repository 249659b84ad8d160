#pragma once
// The families of transformers: which config.json belongs to which, and what its fields mean. Each family has a file of its own
// that turns the fields into a TransformerConfig. Free functions, any thread.

#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.h"
#include "encoder/model/config_file.h"
#include "encoder/model/transformer_config.h"

namespace orthant {

struct Architecture {
  std::string_view model_type;    // of config.json
  std::string_view class_prefix;  // of the classes of that family: "Bert" of BertModel, for files without model_type
  Result<TransformerConfig> (*read)(const ConfigFile& file);
};

std::span<const Architecture> all_architectures();

Result<TransformerConfig> read_bert(const ConfigFile& file);
Result<TransformerConfig> read_distilbert(const ConfigFile& file);
Result<TransformerConfig> read_modernbert(const ConfigFile& file);
Result<TransformerConfig> read_mpnet(const ConfigFile& file);
Result<TransformerConfig> read_nomic_bert(const ConfigFile& file);
Result<TransformerConfig> read_qwen3(const ConfigFile& file);
// RoBERTa, XLM-RoBERTa and CamemBERT, which differ in their tokenizers only.
Result<TransformerConfig> read_roberta(const ConfigFile& file);

// What the files of the families are read with.

// The fields that hold the sizes; absent ones are left out of the list where the family has no such thing.
struct SizeFields {
  std::string_view hidden_size = "hidden_size";
  std::string_view layers = "num_hidden_layers";
  std::string_view heads = "num_attention_heads";
  std::string_view intermediate_size = "intermediate_size";
  std::string_view max_positions = "max_position_embeddings";
};

// Sizes, checked for range, with head_dim = hidden_size / heads and as many key-value heads; layers that see all tokens.
Result<TransformerConfig> read_sizes(const ConfigFile& file, const SizeFields& fields = {});

Status read_token_types(const ConfigFile& file, TransformerConfig& config);
Status read_epsilon(const ConfigFile& file, std::string_view field, double absent, TransformerConfig& config);
Status read_activation(const ConfigFile& file, std::string_view field, std::string_view absent, TransformerConfig& config);
// Refuses a file in which `field` is there with another value than `expected`.
Status require_text(const ConfigFile& file, std::string_view field, std::string_view expected);
Status require_boolean(const ConfigFile& file, std::string_view field, bool expected);
Status check_range(const ConfigFile& file, std::string_view field, std::size_t value, std::size_t lowest, std::size_t highest);
// The rotary base of rope_parameters (of its member `kind` where that is not empty), else of `field`, else `absent`. Scaled rotary
// positions are refused by name.
Result<double> read_rotary_theta(const ConfigFile& file, std::string_view kind, std::string_view field, double absent);

}  // namespace orthant
