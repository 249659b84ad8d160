#include "encoder/model/lora_adapters.h"

#include <array>
#include <cmath>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/digest.h"
#include "encoder/model/config_file.h"
#include "encoder/quantize/convert_weights.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

// An absent, null, empty or false field: the variant of LoRA that it stands for is not used.
bool says_nothing(const std::optional<simdjson::dom::element>& value) {
  if (!value) return true;
  bool flag = false;
  if (value->get_bool().get(flag) == simdjson::SUCCESS) return !flag;
  simdjson::dom::array list;
  if (value->get_array().get(list) == simdjson::SUCCESS) return list.size() == 0;
  simdjson::dom::object map;
  return value->get_object().get(map) == simdjson::SUCCESS && map.size() == 0;
}

Status check_variant(const ConfigFile& config) {
  const std::string type = ORTHANT_TRY(config.text("peft_type")).value_or("LORA");
  if (type != "LORA") return invalid_argument(fmt::format("{}: peft_type: found {}, expected LORA", config.path().string(), type));
  const std::string bias = ORTHANT_TRY(config.text("bias")).value_or("none");
  if (bias != "none") return invalid_argument(fmt::format("{}: bias: found {}, expected none", config.path().string(), bias));
  for (const char* field :
       {"use_dora", "use_qalora", "use_bdlora", "lora_bias", "fan_in_fan_out", "modules_to_save", "alpha_pattern",
        "megatron_config", "alora_invocation_tokens", "arrow_config", "kasa_config", "monteclora_config", "velora_config",
        "trainable_token_indices", "layer_replication", "target_parameters"}) {
    if (says_nothing(config.element(field))) continue;
    return invalid_argument(fmt::format("{}: {}: not supported: expected plain LoRA", config.path().string(), field));
  }
  return {};
}

// (outputs x rank) times (rank x inputs), added to `values` from row `first` on.
void add_product(const LowRankUpdate& update, std::size_t outputs, std::size_t inputs, float* values) {
  for (std::size_t output = 0; output < outputs; ++output) {
    for (std::size_t k = 0; k < update.rank; ++k) {
      const float factor = update.up[output * update.rank + k];
      if (factor == 0) continue;
      const float* down = update.down.data() + k * inputs;
      for (std::size_t i = 0; i < inputs; ++i) values[output * inputs + i] += factor * down[i];
    }
  }
}

}  // namespace

Result<std::optional<LoraAdapters>> LoraAdapters::open_if_there(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::exists(folder / kAdapterConfigName, ignored)) return std::optional<LoraAdapters>();
  if (!fs::exists(folder / kAdapterWeightsName, ignored)) {
    return not_found(fmt::format("{}: no such file, though there is {} (adapters are read from safetensors only)",
                                 (folder / kAdapterWeightsName).string(), kAdapterConfigName));
  }
  LoraAdapters adapters(ORTHANT_TRY(SafeTensors::open(folder / kAdapterWeightsName)));
  ORTHANT_TRY(adapters.read_scales(folder / kAdapterConfigName));
  return std::optional(std::move(adapters));
}

Status LoraAdapters::read_scales(const fs::path& path) {
  const ConfigFile config = ORTHANT_TRY(ConfigFile::open(path));
  ORTHANT_TRY(check_variant(config));
  const std::optional<double> alpha = ORTHANT_TRY(config.number("lora_alpha"));
  if (!alpha || !std::isfinite(*alpha)) return config.mismatch("lora_alpha", "a number");
  alpha_ = *alpha;
  rank_stabilized_ = ORTHANT_TRY(config.boolean_or("use_rslora", false));
  return {};
}

std::optional<std::string> LoraAdapters::stored_name(std::string_view module, std::string_view prefix) const {
  const std::string_view bare = module.starts_with(prefix) ? module.substr(prefix.size()) : module;
  for (const std::string_view name : {bare, module}) {
    std::string stored = fmt::format("{}{}", kAdapterPrefix, name);
    if (file_.find(stored + std::string(kAdapterDown)) != nullptr) return stored;
  }
  return std::nullopt;
}

Result<std::optional<LowRankUpdate>> LoraAdapters::update_for(const LinearTensors& layer, std::string_view prefix) const {
  struct Part {
    std::size_t first = 0;
    std::size_t outputs = 0;
    std::size_t rank = 0;
    std::vector<float> up;
  };
  LowRankUpdate whole;
  std::vector<Part> parts;
  std::size_t first = 0;
  for (const LinearTensors::Part& part : layer.parts) {
    if (const auto name = stored_name(part.name, prefix)) {
      const TensorView* down = file_.find(*name + std::string(kAdapterDown));
      const std::size_t rank = down->shape.empty() ? 0 : down->shape[0];
      if (rank == 0)
        return data_corruption(fmt::format("{}: tensor \"{}{}\" is empty", file_.file().string(), *name, kAdapterDown));
      const std::array down_shape = {rank, layer.inputs};
      const std::array up_shape = {part.outputs, rank};
      const std::vector<float> values = ORTHANT_TRY(file_.read_floats(*name + std::string(kAdapterDown), down_shape));
      std::vector<float> up = ORTHANT_TRY(file_.read_floats(*name + std::string(kAdapterUp), up_shape));
      const double divisor = rank_stabilized_ ? std::sqrt(static_cast<double>(rank)) : static_cast<double>(rank);
      for (float& value : up) value = static_cast<float>(value * (alpha_ / divisor));
      whole.down.insert(whole.down.end(), values.begin(), values.end());
      parts.push_back({first, part.outputs, rank, std::move(up)});
      whole.rank += rank;
    }
    first += part.outputs;
  }
  if (parts.empty()) return std::optional<LowRankUpdate>();
  // Each part sees its own columns.
  whole.up.assign(first * whole.rank, 0.0F);
  std::size_t column = 0;
  for (const Part& part : parts) {
    for (std::size_t row = 0; row < part.outputs; ++row) {
      std::copy_n(part.up.begin() + static_cast<std::ptrdiff_t>(row * part.rank), part.rank,
                  whole.up.begin() + static_cast<std::ptrdiff_t>((part.first + row) * whole.rank + column));
    }
    column += part.rank;
  }
  return std::optional(std::move(whole));
}

Status LoraAdapters::check_all_belong(std::span<const LinearTensors> layers, std::string_view prefix) const {
  std::set<std::string> known;
  for (const LinearTensors& layer : layers) {
    for (const LinearTensors::Part& part : layer.parts) {
      const auto name = stored_name(part.name, prefix);
      if (!name) continue;
      known.insert(*name + std::string(kAdapterDown));
      known.insert(*name + std::string(kAdapterUp));
    }
  }
  for (const auto& [name, tensor] : file_.tensors()) {
    if (known.contains(name)) continue;
    return data_corruption(fmt::format("{}: tensor \"{}\" belongs to no linear layer of the model, expected {}MODULE{} and {}",
                                       file_.file().string(), name, kAdapterPrefix, kAdapterDown, kAdapterUp));
  }
  return {};
}

Result<std::string> LoraAdapters::identity() const {
  return fmt::format("{} alpha {} rank-stabilized {}", ORTHANT_TRY(sha256_hex_of_file(file_.file())), alpha_, rank_stabilized_);
}

LinearWeights with_update(const LinearWeights& weights, const LowRankUpdate& update) {
  std::vector<float> values = untransformed_weights(weights);
  add_product(update, weights.outputs, weights.inputs, values.data());
  return {.outputs = weights.outputs, .inputs = weights.inputs, .data = FloatWeights{std::move(values)}, .input = {}};
}

}  // namespace orthant
