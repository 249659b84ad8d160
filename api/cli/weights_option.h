#pragma once
// --weights, which all commands that load a model take alike.

#include <string>

#include "encoder/weight_precision.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace orthant {

// `weights` holds the default and outlives the command; parse_weight_precision() reads it.
void add_weights_option(CLI::App& command, std::string& weights);
// The same of a second model that a command takes, under another name.
CLI::Option* add_weights_option(CLI::App& command, std::string& weights, const std::string& name);

}  // namespace orthant
