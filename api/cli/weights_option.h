#pragma once
// --weights, which all commands that load a model take alike.

#include <string>

#include "encoder/weight_precision.h"

namespace CLI {
class App;
}

namespace orthant {

// `weights` holds the default and outlives the command; parse_weight_precision() reads it.
void add_weights_option(CLI::App& command, std::string& weights);

}  // namespace orthant
