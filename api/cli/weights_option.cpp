#include "api/cli/weights_option.h"

#include <CLI/CLI.hpp>

namespace orthant {

void add_weights_option(CLI::App& command, std::string& weights) {
  command.add_option("--weights", weights, "How the weights are held and multiplied; auto: as the model's files say")
      ->check(CLI::IsMember({"auto", "float32", "bfloat16", "float16", "int8", "int4", "nf4", "mixed"}))
      ->capture_default_str();
}

}  // namespace orthant
