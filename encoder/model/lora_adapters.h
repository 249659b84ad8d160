#pragma once
// LoraAdapters: low-rank updates of linear layers (LoRA, Hu et al. 2021) in the layout of the peft package: adapter_config.json and
// adapter_model.safetensors beside the weights of a model. A layer with an update multiplies W + scale * up * down. Immutable, any
// thread. Owns the mapped file.

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "encoder/kernels/adapted_linear.h"
#include "encoder/model/linear_tensors.h"
#include "encoder/model/safetensors.h"

namespace orthant {

inline constexpr std::string_view kAdapterConfigName = "adapter_config.json";
inline constexpr std::string_view kAdapterWeightsName = "adapter_model.safetensors";
// What peft puts before the name of a module of the model, and behind it.
inline constexpr std::string_view kAdapterPrefix = "base_model.model.";
inline constexpr std::string_view kAdapterDown = ".lora_A.weight";
inline constexpr std::string_view kAdapterUp = ".lora_B.weight";

class LoraAdapters {
 public:
  // Nothing where `folder` has no adapter_config.json. invalid_argument for adapters that are not plain LoRA, data_corruption for
  // files that do not fit together; both name file and field.
  static Result<std::optional<LoraAdapters>> open_if_there(const std::filesystem::path& folder);

  // Of a whole layer, parts without an update having zeros; nothing where no part has one. `prefix` is what the model's file puts
  // before its names: adapters may leave it out. data_corruption for a wrong shape.
  Result<std::optional<LowRankUpdate>> update_for(const LinearTensors& layer, std::string_view prefix) const;

  // data_corruption names an update that belongs to none of `layers`.
  Status check_all_belong(std::span<const LinearTensors> layers, std::string_view prefix) const;

  // Changes whenever what the adapters compute does.
  Result<std::string> identity() const;

 private:
  explicit LoraAdapters(SafeTensors file) : file_(std::move(file)) {}
  Status read_scales(const std::filesystem::path& config);
  // The module's name as the file has it; nothing where it has none.
  std::optional<std::string> stored_name(std::string_view module, std::string_view prefix) const;

  SafeTensors file_;
  double alpha_ = 1;
  bool rank_stabilized_ = false;
};

// outputs x inputs floats of the layer with the update added.
LinearWeights with_update(const LinearWeights& weights, const LowRankUpdate& update);

}  // namespace orthant
