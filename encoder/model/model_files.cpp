#include "encoder/model/model_files.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "encoder/model/activation_names.h"
#include "encoder/model/config_file.h"

namespace orthant {
namespace {

constexpr std::size_t kMaxHiddenSize = 16384;
constexpr NamedActivation kDenseActivations[] = {{"torch.nn.modules.activation.Tanh", Activation::kTanh},
                                                 {"torch.nn.modules.linear.Identity", Activation::kNone},
                                                 {"torch.nn.modules.activation.ReLU", Activation::kRelu},
                                                 {"torch.nn.modules.activation.GELU", Activation::kGeluErf}};

struct PoolingName {
  PoolingMode mode;
  std::string_view name;
  std::string_view legacy_flag;
};
// In the order in which Sentence Transformers concatenates them.
constexpr PoolingName kPoolingNames[] = {
    {PoolingMode::kCls, "cls", "pooling_mode_cls_token"},
    {PoolingMode::kMax, "max", "pooling_mode_max_tokens"},
    {PoolingMode::kMean, "mean", "pooling_mode_mean_tokens"},
    {PoolingMode::kMeanSqrtLength, "mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens"},
    {PoolingMode::kWeightedMean, "weightedmean", "pooling_mode_weightedmean_tokens"},
    {PoolingMode::kLastToken, "lasttoken", "pooling_mode_lasttoken"},
};

Status check_range(const ConfigFile& file, std::string_view field, std::size_t value, std::size_t lowest, std::size_t highest) {
  if (value >= lowest && value <= highest) return {};
  return file.mismatch(field, fmt::format("{} to {}", lowest, highest));
}

Result<PoolingMode> parse_pooling_mode(std::string_view name, const ConfigFile& file) {
  for (const PoolingName& known : kPoolingNames) {
    if (known.name == name) return known.mode;
  }
  return invalid_argument(fmt::format(
      "{}: pooling_mode: \"{}\" is not supported, expected cls, max, mean, mean_sqrt_len_tokens, weightedmean or lasttoken",
      file.path().string(), name));
}

Result<std::vector<PoolingMode>> read_pooling_modes(const ConfigFile& file) {
  std::vector<PoolingMode> modes;
  if (const auto value = file.element("pooling_mode")) {
    std::string_view name;
    simdjson::dom::array names;
    if (value->get_string().get(name) == simdjson::SUCCESS) {
      modes.push_back(ORTHANT_TRY(parse_pooling_mode(name, file)));
    } else if (value->get_array().get(names) == simdjson::SUCCESS) {
      for (simdjson::dom::element entry : names) {
        if (entry.get_string().get(name) != simdjson::SUCCESS) return file.mismatch("pooling_mode", "names of pooling modes");
        modes.push_back(ORTHANT_TRY(parse_pooling_mode(name, file)));
      }
    }
    if (modes.empty() || modes.size() > std::size(kPoolingNames)) {
      return file.mismatch("pooling_mode", "the name of a pooling mode or a list of names");
    }
    return modes;
  }
  for (const PoolingName& known : kPoolingNames) {
    if (ORTHANT_TRY(file.boolean_or(known.legacy_flag, false))) modes.push_back(known.mode);
  }
  if (modes.empty()) modes.push_back(PoolingMode::kMean);
  return modes;
}

Status read_pooling(const std::filesystem::path& folder, ModelFiles& files) {
  const ConfigFile file = ORTHANT_TRY(ConfigFile::open(folder / "config.json"));
  files.pooling = ORTHANT_TRY(read_pooling_modes(file));
  std::optional<std::size_t> size = ORTHANT_TRY(file.size("embedding_dimension"));
  if (!size) size = ORTHANT_TRY(file.size("word_embedding_dimension"));
  if (size && *size != files.transformer.hidden_size) {
    return data_corruption(fmt::format("{}: pools vectors of {} dimensions, the transformer gives {}", file.path().string(), *size,
                                       files.transformer.hidden_size));
  }
  const bool has_prompts = std::ranges::any_of(files.prompts.texts, [](const auto& p) { return !p.second.empty(); });
  if (has_prompts && !ORTHANT_TRY(file.boolean_or("include_prompt", true))) {
    return invalid_argument(
        fmt::format("{}: include_prompt: false is not supported for a model with prompts", file.path().string()));
  }
  return {};
}

Result<DenseStage> read_dense(const std::filesystem::path& folder) {
  const ConfigFile file = ORTHANT_TRY(ConfigFile::open(folder / "config.json"));
  DenseStage stage;
  stage.weights = folder / "model.safetensors";
  stage.input_size = ORTHANT_TRY(file.required_size("in_features"));
  stage.output_size = ORTHANT_TRY(file.required_size("out_features"));
  ORTHANT_TRY(check_range(file, "in_features", stage.input_size, 1, kMaxHiddenSize * std::size(kPoolingNames)));
  ORTHANT_TRY(check_range(file, "out_features", stage.output_size, 1, kMaxHiddenSize * std::size(kPoolingNames)));
  stage.bias = ORTHANT_TRY(file.boolean_or("bias", true));
  const std::string activation = ORTHANT_TRY(file.text("activation_function")).value_or("torch.nn.modules.activation.Tanh");
  stage.activation = ORTHANT_TRY(find_activation(kDenseActivations, activation, file, "activation_function"));
  if (ORTHANT_TRY(file.boolean_or("use_residual", false))) {
    return invalid_argument(fmt::format("{}: use_residual: true is not supported", file.path().string()));
  }
  return stage;
}

Status read_stage(const ModuleEntry& module, ModelFiles& files) {
  if (module.type == "Dropout") return {};  // does nothing at inference
  if (module.type == "Normalize") {
    files.stages.emplace_back(NormalizeStage{});
    return {};
  }
  if (module.type == "Dense") {
    const std::size_t given = files.embedding_size();
    const DenseStage dense = ORTHANT_TRY(read_dense(module.folder));
    if (dense.input_size != given) {
      return data_corruption(fmt::format("{}: in_features is {}, the module before it gives {}",
                                         (module.folder / "config.json").string(), dense.input_size, given));
    }
    files.stages.emplace_back(dense);
    return {};
  }
  return invalid_argument(
      fmt::format("{}: module \"{}\" is not supported, expected Transformer, Pooling, Dense, Dropout and Normalize",
                  module.folder.string(), module.type));
}

}  // namespace

std::string_view pooling_mode_name(PoolingMode mode) {
  return kPoolingNames[static_cast<std::size_t>(mode)].name;
}

std::size_t ModelFiles::embedding_size() const {
  std::size_t size = transformer.hidden_size * pooling.size();
  for (const Stage& stage : stages) {
    if (const DenseStage* dense = std::get_if<DenseStage>(&stage)) size = dense->output_size;
  }
  return size;
}

Result<ModelFiles> read_model_files(const std::filesystem::path& folder) {
  std::error_code ignored;
  if (!std::filesystem::exists(folder / "modules.json", ignored) && !std::filesystem::exists(folder / "config.json", ignored)) {
    return not_found(fmt::format("{}: no model there (neither modules.json nor config.json)", folder.string()));
  }
  const std::vector<ModuleEntry> modules = ORTHANT_TRY(read_modules(folder));
  if (modules.empty() || modules[0].type != "Transformer") {
    return invalid_argument(fmt::format("{}: the first module is \"{}\", expected Transformer", folder.string(),
                                        modules.empty() ? "" : modules[0].type));
  }
  ModelFiles files;
  files.transformer_folder = modules[0].folder;
  files.transformer = ORTHANT_TRY(read_transformer_config(files.transformer_folder));
  files.prompts = ORTHANT_TRY(read_prompts(folder));
  files.max_seq_length = ORTHANT_TRY(read_max_seq_length(files.transformer_folder));
  std::size_t next = 1;
  if (modules.size() > 1 && modules[1].type == "Pooling") {
    ORTHANT_TRY(read_pooling(modules[1].folder, files));
    next = 2;
  } else if (modules.size() == 1) {
    files.pooling = {PoolingMode::kMean};  // what Sentence Transformers does with a bare transformer
  } else {
    return invalid_argument(fmt::format("{}: the second module is \"{}\", expected Pooling", folder.string(), modules[1].type));
  }
  for (; next < modules.size(); ++next) ORTHANT_TRY(read_stage(modules[next], files));
  return files;
}

}  // namespace orthant
