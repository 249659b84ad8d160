#pragma once
// The commands of `orthant`. Each function adds one subcommand with its options and help to the program; when the user names it,
// `action` becomes what the program then runs. Called once, from main.

#include <functional>

#include "base/result.h"

namespace CLI {
class App;
}

namespace orthant {

inline constexpr int kExitSuccess = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;

// Does the work of a command. The exit code, or an error for the user to read (exit code 1).
using Action = std::function<Result<int>()>;

void add_serve_command(CLI::App& program, Action& action);
void add_ingest_command(CLI::App& program, Action& action);
void add_import_command(CLI::App& program, Action& action);
void add_export_command(CLI::App& program, Action& action);
void add_search_command(CLI::App& program, Action& action);
void add_encode_command(CLI::App& program, Action& action);
void add_tokenize_command(CLI::App& program, Action& action);
void add_eval_command(CLI::App& program, Action& action);
void add_bench_command(CLI::App& program, Action& action);
void add_quantize_command(CLI::App& program, Action& action);
void add_quality_command(CLI::App& program, Action& action);
void add_reembed_command(CLI::App& program, Action& action);
void add_info_command(CLI::App& program, Action& action);
void add_doctor_command(CLI::App& program, Action& action);
void add_fetch_model_command(CLI::App& program, Action& action);
void add_train_command(CLI::App& program, Action& action);
void add_version_command(CLI::App& program, Action& action);

}  // namespace orthant
