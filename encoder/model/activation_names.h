#pragma once
// The names that configuration files give to activations. Free functions, any thread.

#include <span>
#include <string_view>

#include "base/result.h"
#include "encoder/kernels/float_kernels.h"
#include "encoder/model/config_file.h"

namespace orthant {

struct NamedActivation {
  std::string_view name;
  Activation activation;
};

// As transformers calls those of feed-forward blocks.
std::span<const NamedActivation> hidden_activations();

// The activation of that name. invalid_argument names file, field and what is known.
Result<Activation> find_activation(std::span<const NamedActivation> known, std::string_view name, const ConfigFile& file,
                                   std::string_view field);

}  // namespace orthant
