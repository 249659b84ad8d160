// orthant-train: runs a recipe. A program of its own because it is the only one that links libtorch; `orthant train` starts it.
// Exit codes as orthant's.

#include <string>

#include <fmt/format.h>
#include <malloc.h>
#include <CLI/CLI.hpp>

#include "api/cli/commands.h"
#include "api/cli/version.h"
#include "api/train/recipe_run.h"
#include "base/cpu.h"

namespace orthant {
namespace {

int fail_with(const Error& error) {
  fmt::print(stderr, "orthant-train: {}\n", error.message);
  return kExitFailure;
}

}  // namespace
}  // namespace orthant

int main(int argc, char** argv) {
  // Tensors of a chunk are given back to the system when it is done, instead of leaving holes that the next one does not fit:
  // without a limit of its own the allocator raises it to the largest block that was ever freed.
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
  CLI::App program("Makes an embedding model better when its embeddings are quantized. docs/training.md explains recipes.",
                   "orthant-train");
  orthant::RecipeArguments arguments;
  program.set_version_flag("--version", fmt::format("orthant-train {}", orthant::kVersion));
  program.add_option("recipe", arguments.recipe, "The recipe, a YAML file")->required();
  program.add_option("--data", arguments.data_folder, "Folder that the recipe's data are below; default: the recipe's own");
  program.add_option("--model", arguments.model, "A model's name in the cache, or its folder, instead of the recipe's");
  program.add_option("--output", arguments.output, "Folder for model, checkpoints and metrics, instead of the recipe's");
  program.add_option("--seed", arguments.seed, "Instead of the recipe's");
  program.add_option("--threads", arguments.threads, "Instead of the recipe's");
  program.add_option("--vectors-cache", arguments.vectors_cache,
                     "Folder that keeps the embeddings of frozen models for the next run (of heads and teachers)");
  program.add_option("--max-steps", arguments.max_steps, "Instead of the recipe's, in each stage: to try it out")
      ->check(CLI::PositiveNumber);
  program.add_flag("--forecast", arguments.forecast_only, "Say what memory the first stage would take, and stop");
  program.add_option("--score", arguments.scored, "Train nothing: say what these models score on the recipe's dev set");
  program.add_option("--weights", arguments.weights, "With --score: how the weights are held and multiplied")
      ->capture_default_str();
  CLI11_PARSE(program, argc, argv);
  const auto level = orthant::choose_cpu_level();
  if (!level) return orthant::fail_with(level.error());
  const auto outcome = orthant::run_recipe(arguments);
  return outcome ? *outcome : orthant::fail_with(outcome.error());
}
