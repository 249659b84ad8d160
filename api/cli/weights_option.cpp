#include "api/cli/weights_option.h"

#include <CLI/CLI.hpp>

namespace orthant {

void add_weights_option(CLI::App& command, std::string& weights) {
  add_weights_option(command, weights, "--weights");
}

CLI::Option* add_weights_option(CLI::App& command, std::string& weights, const std::string& name) {
  return command.add_option(name, weights, "How the weights are held and multiplied; auto: as the model's files say")
      ->check(CLI::IsMember({"auto", "float32", "bfloat16", "float16", "int8", "int4", "nf4", "mixed"}))
      ->capture_default_str();
}

}  // namespace orthant
