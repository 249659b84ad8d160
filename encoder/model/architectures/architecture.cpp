#include "encoder/model/architectures/architecture.h"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>

#include "encoder/model/activation_names.h"

namespace orthant {
namespace {

constexpr std::size_t kMaxHiddenSize = 16384;
constexpr std::size_t kMaxLayers = 512;
constexpr std::size_t kMaxPositions = 1 << 20;
constexpr std::size_t kMaxVocabulary = 1 << 24;

constexpr std::array<Architecture, 9> kArchitectures = {{{"bert", "Bert", read_bert},
                                                         {"camembert", "Camembert", read_roberta},
                                                         {"distilbert", "DistilBert", read_distilbert},
                                                         {"modernbert", "ModernBert", read_modernbert},
                                                         {"mpnet", "MPNet", read_mpnet},
                                                         {"nomic_bert", "NomicBert", read_nomic_bert},
                                                         {"qwen3", "Qwen3", read_qwen3},
                                                         {"roberta", "Roberta", read_roberta},
                                                         {"xlm-roberta", "XLMRoberta", read_roberta}}};

}  // namespace

std::span<const Architecture> all_architectures() {
  return kArchitectures;
}

Status check_range(const ConfigFile& file, std::string_view field, std::size_t value, std::size_t lowest, std::size_t highest) {
  if (value >= lowest && value <= highest) return {};
  return file.mismatch(field, fmt::format("{} to {}", lowest, highest));
}

Result<TransformerConfig> read_sizes(const ConfigFile& file, const SizeFields& fields) {
  TransformerConfig config;
  config.hidden_size = ORTHANT_TRY(file.required_size(fields.hidden_size));
  const std::size_t layers = ORTHANT_TRY(file.required_size(fields.layers));
  config.heads = ORTHANT_TRY(file.required_size(fields.heads));
  config.intermediate_size = ORTHANT_TRY(file.required_size(fields.intermediate_size));
  config.vocabulary_size = ORTHANT_TRY(file.required_size("vocab_size"));
  config.max_positions = ORTHANT_TRY(file.required_size(fields.max_positions));
  ORTHANT_TRY(check_range(file, fields.hidden_size, config.hidden_size, 1, kMaxHiddenSize));
  ORTHANT_TRY(check_range(file, fields.layers, layers, 1, kMaxLayers));
  ORTHANT_TRY(check_range(file, fields.heads, config.heads, 1, config.hidden_size));
  ORTHANT_TRY(check_range(file, fields.intermediate_size, config.intermediate_size, 1, kMaxHiddenSize * 8));
  ORTHANT_TRY(check_range(file, "vocab_size", config.vocabulary_size, 1, kMaxVocabulary));
  ORTHANT_TRY(check_range(file, fields.max_positions, config.max_positions, 1, kMaxPositions));
  if (config.hidden_size % config.heads != 0) {
    return file.mismatch(fields.heads, fmt::format("a divisor of {}, which is {}", fields.hidden_size, config.hidden_size));
  }
  config.layers.resize(layers);
  config.key_value_heads = config.heads;
  config.head_dim = config.hidden_size / config.heads;
  return config;
}

Status read_token_types(const ConfigFile& file, TransformerConfig& config) {
  config.token_types = ORTHANT_TRY(file.size("type_vocab_size")).value_or(2);
  return check_range(file, "type_vocab_size", config.token_types, 1, kMaxVocabulary);
}

Status read_epsilon(const ConfigFile& file, std::string_view field, double absent, TransformerConfig& config) {
  config.norm_epsilon = static_cast<float>(ORTHANT_TRY(file.number(field)).value_or(absent));
  if (config.norm_epsilon >= 0.0F && config.norm_epsilon < 1.0F) return {};
  return file.mismatch(field, "a number from 0 to 1");
}

Status read_activation(const ConfigFile& file, std::string_view field, std::string_view absent, TransformerConfig& config) {
  const std::string name = ORTHANT_TRY(file.text(field)).value_or(std::string(absent));
  config.activation = ORTHANT_TRY(find_activation(hidden_activations(), name, file, field));
  return {};
}

Status require_text(const ConfigFile& file, std::string_view field, std::string_view expected) {
  const std::string found = ORTHANT_TRY(file.text(field)).value_or(std::string(expected));
  if (found == expected) return {};
  return invalid_argument(
      fmt::format("{}: {} \"{}\" is not supported, expected \"{}\"", file.path().string(), field, found, expected));
}

Status require_boolean(const ConfigFile& file, std::string_view field, bool expected) {
  if (ORTHANT_TRY(file.boolean_or(field, expected)) == expected) return {};
  return invalid_argument(
      fmt::format("{}: {}: {} is not supported, expected {}", file.path().string(), field, !expected, expected));
}

Result<double> read_rotary_theta(const ConfigFile& file, std::string_view kind, std::string_view field, double absent) {
  if (file.element("rope_scaling")) return file.mismatch("rope_scaling", "nothing: scaled rotary positions are not supported");
  double theta = ORTHANT_TRY(file.number(field)).value_or(absent);
  if (auto parameters = file.element("rope_parameters")) {
    simdjson::dom::element member = *parameters;
    if (!kind.empty() && member[kind].get(member) != simdjson::SUCCESS) return theta;
    std::string_view type;
    if (member["rope_type"].get_string().get(type) == simdjson::SUCCESS && type != "default") {
      return file.mismatch("rope_parameters", "rope_type \"default\": scaled rotary positions are not supported");
    }
    double given = 0;
    if (member["rope_theta"].get_double().get(given) == simdjson::SUCCESS) theta = given;
  }
  if (!(theta > 1.0 && theta < 1e12)) return file.mismatch(field, "a rotary base above 1");
  return theta;
}

}  // namespace orthant
