#include "encoder/model/transformer_config.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "encoder/model/architectures/architecture.h"
#include "encoder/model/config_file.h"

namespace orthant {
namespace {

Result<std::string> architecture_name(const ConfigFile& file) {
  const auto names = file.element("architectures");
  simdjson::dom::array list;
  std::string_view first;
  if (names && names->get_array().get(list) == simdjson::SUCCESS && list.size() > 0 &&
      list.at(0).get_string().get(first) == simdjson::SUCCESS) {
    return std::string(first);
  }
  return ORTHANT_TRY(file.text("model_type")).value_or("");
}

// By model_type; files without one are told by their class.
const Architecture* find_architecture(std::string_view model_type, std::string_view class_name) {
  const std::span<const Architecture> known = all_architectures();
  const auto found = std::find_if(known.begin(), known.end(), [&](const Architecture& family) {
    return model_type.empty() ? class_name.starts_with(family.class_prefix) : model_type == family.model_type;
  });
  return found == known.end() ? nullptr : &*found;
}

// What is in neither list computes something else than what we would: refused by name.
Result<const Architecture*> architecture_of(const ConfigFile& file, std::string_view class_name) {
  const std::string model_type = ORTHANT_TRY(file.text("model_type")).value_or("");
  const Architecture* found = find_architecture(model_type, class_name);
  const bool same_family = found != nullptr && (class_name == model_type || class_name.starts_with(found->class_prefix));
  if (same_family) return found;
  std::string supported;
  for (const Architecture& family : all_architectures()) {
    supported += fmt::format("{}{}Model (model_type {})", supported.empty() ? "" : ", ", family.class_prefix, family.model_type);
  }
  return invalid_argument(fmt::format("{}: architecture \"{}\" (model_type \"{}\") is not supported, expected one of {}",
                                      file.path().string(), class_name, model_type, supported));
}

// transformers 5 writes dtype, older versions torch_dtype.
Result<WeightPrecision> read_stored_precision(const ConfigFile& file) {
  std::optional<std::string> name = ORTHANT_TRY(file.text("dtype"));
  if (!name) name = ORTHANT_TRY(file.text("torch_dtype"));
  if (name == "float32") return WeightPrecision::kFloat32;
  if (name == "float16") return WeightPrecision::kFloat16;
  if (name == "bfloat16") return WeightPrecision::kBfloat16;
  return WeightPrecision::kAuto;
}

Status check(const ConfigFile& file, const TransformerConfig& config) {
  if (config.heads % config.key_value_heads != 0) {
    return file.mismatch("num_key_value_heads", fmt::format("a divisor of num_attention_heads, which is {}", config.heads));
  }
  if (config.rotary_dims % 2 != 0 || config.rotary_dims > config.head_dim) {
    return data_corruption(fmt::format("{}: rotary positions turn {} values of heads of {}, expected an even number",
                                       file.path().string(), config.rotary_dims, config.head_dim));
  }
  return {};
}

}  // namespace

Result<TransformerConfig> read_transformer_config(const std::filesystem::path& folder) {
  const ConfigFile file = ORTHANT_TRY(ConfigFile::open(folder / "config.json"));
  std::string name = ORTHANT_TRY(architecture_name(file));
  const Architecture* family = ORTHANT_TRY(architecture_of(file, name));
  TransformerConfig config = ORTHANT_TRY(family->read(file));
  config.architecture = std::move(name);
  config.stored_precision = ORTHANT_TRY(read_stored_precision(file));
  config.quantization = ORTHANT_TRY(read_quantization_config(file));
  ORTHANT_TRY(check(file, config));
  return config;
}

}  // namespace orthant
