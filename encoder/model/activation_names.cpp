#include "encoder/model/activation_names.h"

#include <string>

#include <fmt/format.h>

namespace orthant {
namespace {

constexpr NamedActivation kHiddenActivations[] = {
    {"gelu", Activation::kGeluErf}, {"gelu_new", Activation::kGeluTanh}, {"gelu_pytorch_tanh", Activation::kGeluTanh},
    {"relu", Activation::kRelu},    {"silu", Activation::kSilu},         {"swish", Activation::kSilu}};

}  // namespace

std::span<const NamedActivation> hidden_activations() {
  return kHiddenActivations;
}

Result<Activation> find_activation(std::span<const NamedActivation> known, std::string_view name, const ConfigFile& file,
                                   std::string_view field) {
  std::string supported;
  for (const NamedActivation& entry : known) {
    if (entry.name == name) return entry.activation;
    supported += fmt::format("{}{}", supported.empty() ? "" : ", ", entry.name);
  }
  return invalid_argument(
      fmt::format("{}: {}: \"{}\" is not supported, expected one of {}", file.path().string(), field, name, supported));
}

}  // namespace orthant
