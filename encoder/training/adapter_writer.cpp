#include "encoder/training/adapter_writer.h"

#include <string>

#include <fmt/format.h>

#include "base/whole_file.h"
#include "encoder/model/json_quote.h"
#include "encoder/model/lora_adapters.h"
#include "encoder/model/safetensors_writer.h"

namespace orthant {
namespace {

void add_tensor(SafeTensorsWriter& writer, const std::string& name, const at::Tensor& tensor) {
  const std::span<const float> values = values_of(tensor);
  writer.add(name, "F32", {tensor.sizes().begin(), tensor.sizes().end()},
             {reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()});
}

// Whole names of modules: ends of names would also meet modules that were not trained here, as a pooler.
std::string config_json(const LoraLinears& lora, const std::string& base) {
  std::string targets;
  for (const LoraLinears::Adapter& adapter : lora.adapters()) {
    targets += fmt::format("{}\n    {}", targets.empty() ? "" : ",", quoted_json(adapter.module));
  }
  const LoraOptions& options = lora.options();
  return fmt::format(R"({{
  "peft_type": "LORA",
  "task_type": "FEATURE_EXTRACTION",
  "base_model_name_or_path": {},
  "r": {},
  "lora_alpha": {},
  "lora_dropout": {},
  "bias": "none",
  "fan_in_fan_out": false,
  "inference_mode": true,
  "init_lora_weights": true,
  "modules_to_save": null,
  "use_dora": false,
  "use_rslora": false,
  "target_modules": [{}
  ]
}}
)",
                     quoted_json(base), options.rank, options.alpha, options.dropout, targets);
}

}  // namespace

Status write_adapters(const LoraLinears& lora, const std::filesystem::path& base, const std::filesystem::path& folder) {
  SafeTensorsWriter writer;
  const std::vector<LoraLinears::Adapter> adapters = lora.adapters();
  for (const LoraLinears::Adapter& adapter : adapters) {
    add_tensor(writer, fmt::format("{}{}{}", kAdapterPrefix, adapter.module, kAdapterDown), adapter.down);
    add_tensor(writer, fmt::format("{}{}{}", kAdapterPrefix, adapter.module, kAdapterUp), adapter.up);
  }
  ORTHANT_TRY(writer.write(folder / kAdapterWeightsName));
  std::error_code ignored;
  const std::filesystem::path whole = std::filesystem::absolute(base, ignored).lexically_normal();
  return write_whole_file(folder / kAdapterConfigName, config_json(lora, whole.string()));
}

}  // namespace orthant
