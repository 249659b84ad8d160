#pragma once
// Writes trained adapters as peft does. Free function, one thread at a time.

#include <filesystem>

#include "base/result.h"
#include "encoder/training/lora_linears.h"

namespace orthant {

// adapter_config.json and adapter_model.safetensors in `folder`, which exists; `base` is the model that they belong to.
Status write_adapters(const LoraLinears& lora, const std::filesystem::path& base, const std::filesystem::path& folder);

}  // namespace orthant
