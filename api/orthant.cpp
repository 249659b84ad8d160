// orthant: the command line. Parses, runs the one command that the user named, and turns its outcome into an exit code: 0 done,
// 1 failed (one line on standard error says why), 2 wrong usage.

#include <algorithm>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "api/cli/commands.h"
#include "api/cli/version.h"
#include "base/cpu.h"

namespace {

constexpr const char* kIntroduction =
    "Text in, ranked documents out: a vector retrieval engine around quantized embeddings.\n\n"
    "The daemon (orthantd) keeps collections of documents, embeds their texts and answers searches over HTTP. This program starts\n"
    "it, fills and searches collections, and works with models and retrieval sets without any daemon.";

constexpr const char* kFirstSteps =
    "\nFirst steps:\n"
    "  orthant serve                                              start the daemon on http://127.0.0.1:6333\n"
    "  orthant ingest notes.jsonl --collection notes              put documents in: {\"id\": 1, \"text\": \"...\"} a line\n"
    "  orthant search \"what do I look for?\" --collection notes    and find them again\n"
    "  orthant eval demo/xquad-en                                 see what each quantizer keeps of the quality\n\n"
    "`orthant COMMAND --help` explains a command.";

void add_commands(CLI::App& program, orthant::Action& action) {
  orthant::add_serve_command(program, action);
  orthant::add_ingest_command(program, action);
  orthant::add_import_command(program, action);
  orthant::add_export_command(program, action);
  orthant::add_search_command(program, action);
  orthant::add_info_command(program, action);
  orthant::add_quality_command(program, action);
  orthant::add_reembed_command(program, action);
  orthant::add_doctor_command(program, action);
  orthant::add_encode_command(program, action);
  orthant::add_tokenize_command(program, action);
  orthant::add_eval_command(program, action);
  orthant::add_quantize_command(program, action);
  orthant::add_train_command(program, action);
  orthant::add_bench_command(program, action);
  orthant::add_fetch_model_command(program, action);
  orthant::add_version_command(program, action);
}

// How many letters have to be put in, taken out or replaced (Levenshtein).
std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < to.size(); ++j) {
      const std::size_t replaced = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

bool is_command(const CLI::App& program, std::string_view given) {
  const auto commands = program.get_subcommands([](const CLI::App*) { return true; });
  return std::ranges::any_of(commands, [given](const CLI::App* command) { return command->get_name() == given; });
}

// CLI11 would only say that a command is missing.
int fail_with_unknown_command(const CLI::App& program, std::string_view given) {
  constexpr std::size_t kMisspelt = 2;
  const auto commands = program.get_subcommands([](const CLI::App*) { return true; });
  const auto distance = [&](const CLI::App* command) { return edit_distance(given, command->get_name()); };
  const CLI::App* nearest = std::ranges::min(commands, {}, distance);
  const std::string hint = distance(nearest) <= kMisspelt ? fmt::format("did you mean {}? ", nearest->get_name()) : std::string();
  fmt::print(stderr, "orthant: {}: unknown command ({}--help lists them)\n", given, hint);
  return orthant::kExitUsage;
}

int fail_with(const orthant::Error& error) {
  fmt::print(stderr, "orthant: {}\n", error.message);
  return orthant::kExitFailure;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App program(kIntroduction, "orthant");
  program.set_version_flag("--version", fmt::format("orthant {}", orthant::kVersion));
  program.footer(kFirstSteps);
  program.require_subcommand(1);
  orthant::Action action;
  add_commands(program, action);
  if (argc > 1 && argv[1] == std::string_view("help")) {
    fmt::print("{}", program.help());
    return orthant::kExitSuccess;
  }
  if (argc > 1 && argv[1][0] != '-' && !is_command(program, argv[1])) {
    return fail_with_unknown_command(program, argv[1]);
  }
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? orthant::kExitSuccess : orthant::kExitUsage;
  }
  const auto level = orthant::choose_cpu_level();
  if (!level) return fail_with(level.error());
  const auto outcome = action();
  return outcome ? *outcome : fail_with(outcome.error());
}
