#pragma once
// What orthant-train does: reads a recipe and its data, trains its stages one after the other, and says how it goes on standard
// output. One run at a time in a process.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace orthant {

// What is not empty stands in for what the recipe says.
struct RecipeArguments {
  std::string recipe;
  std::string data_folder;  // empty: the recipe's own
  std::string model;
  std::string output;
  std::string vectors_cache;  // TrainingOptions::vectors_cache
  std::optional<std::uint64_t> seed;
  std::optional<std::size_t> threads;
  std::optional<std::uint64_t> max_steps;  // of each stage
  bool forecast_only = false;
  std::vector<std::string> scored;  // models to score instead of training
  std::string weights = "auto";
};

// The exit code. Errors name the file, line and key, or the figure that does not fit.
Result<int> run_recipe(const RecipeArguments& arguments);

}  // namespace orthant
