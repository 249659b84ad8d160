// orthant doctor: what this machine gives Orthant, and what is missing.

#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include "api/cli/commands.h"
#include "api/cli/daemon.h"
#include "api/cli/progress.h"
#include "api/cli/version.h"
#include "api/cli/weights_option.h"
#include "base/cpu.h"
#include "encoder/encoder_registry.h"

namespace orthant {
namespace {

#ifdef __clang__
constexpr std::string_view kCompiler = __VERSION__;  // "Clang 19.1.7 ..."
#else
constexpr std::string_view kCompiler = "GCC " __VERSION__;
#endif

namespace fs = std::filesystem;

struct DoctorArguments {
  std::string url{kDefaultUrl};
  std::string model{kDefaultModelName};
  std::string weights = "auto";
  std::string data_folder;
};

enum class Verdict { kGood, kNote, kBad };

struct Finding {
  Verdict verdict = Verdict::kGood;
  std::string subject;
  std::string text;
};

constexpr std::uint64_t kFewOpenFiles = 4096;
constexpr std::uint64_t kLittleMemoryMib = 1024;
constexpr std::uint64_t kLittleDiskMib = 1024;

std::string mebibytes(std::uint64_t amount) {
  return fmt::format("{} MiB", group_digits(amount));
}

Finding examine_cpu() {
  const auto level = choose_cpu_level();
  if (!level) return {Verdict::kBad, "CPU", level.error().message};
  const Verdict verdict = *level == CpuLevel::kPortable ? Verdict::kNote : Verdict::kGood;
  const char* forced = std::getenv("ORTHANT_CPU");
  return {verdict, "CPU",
          fmt::format("{}: level {}{} ({})", cpu_model_name(), cpu_level_name(*level),
                      forced == nullptr ? "" : ", forced by ORTHANT_CPU", cpu_feature_list())};
}

// A value of /proc/meminfo in MiB, 0 when it is not there.
std::uint64_t meminfo_mib(std::string_view name) {
  std::ifstream in("/proc/meminfo");
  std::string key;
  std::uint64_t kib = 0;
  for (std::string unit; in >> key >> kib; std::getline(in, unit)) {
    if (key == name) return kib / 1024;
  }
  return 0;
}

Finding examine_memory() {
  const std::uint64_t available = meminfo_mib("MemAvailable:");
  return {available < kLittleMemoryMib ? Verdict::kNote : Verdict::kGood, "memory",
          fmt::format("{} available of {}", mebibytes(available), mebibytes(meminfo_mib("MemTotal:")))};
}

Finding examine_open_files() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= kFewOpenFiles) return {Verdict::kGood, "open files", fmt::format("up to {}", group_digits(limit.rlim_cur))};
  return {Verdict::kNote, "open files",
          fmt::format("up to {}; connections and tables need more: ulimit -n {}", limit.rlim_cur, kFewOpenFiles)};
}

// The nearest folder that exists: what is missing below it would be made.
fs::path existing_parent(fs::path path) {
  path = fs::absolute(path);
  while (!fs::exists(path) && path.has_parent_path() && path != path.parent_path()) path = path.parent_path();
  return path;
}

Finding examine_folder(std::string subject, const fs::path& folder) {
  const fs::path parent = existing_parent(folder);
  if (!fs::is_directory(parent))
    return {Verdict::kBad, std::move(subject), fmt::format("{}: {} is no folder", folder.string(), parent.string())};
  if (access(parent.c_str(), W_OK) != 0) {
    return {Verdict::kBad, std::move(subject), fmt::format("{}: {} cannot be written to", folder.string(), parent.string())};
  }
  std::error_code error;
  const std::uint64_t free_mib = fs::space(parent, error).available >> 20;
  return {free_mib < kLittleDiskMib ? Verdict::kNote : Verdict::kGood, std::move(subject),
          fmt::format("{}: {}, {} free", folder.string(), fs::exists(folder) ? "there" : "will be made", mebibytes(free_mib))};
}

// Weights that this CPU holds in one form and multiplies in another.
bool multiplied_otherwise(const EncoderInfo& info) {
  return info.weight_compute.find("stored") != std::string::npos;
}

// Looks only: doctor fetches nothing.
Finding examine_model(const std::string& name, WeightPrecision weights) {
  for (const fs::path& folder : {fs::path(name), orthant_home() / "models" / name}) {
    if (!fs::exists(folder / "modules.json") && !fs::exists(folder / "config.json")) continue;
    const auto encoder = Encoder::load(folder, {.name = {}, .max_seq_length = 0, .weights = weights});
    if (!encoder) return {Verdict::kBad, "model", encoder.error().message};
    const EncoderInfo& info = (*encoder)->info();
    return {multiplied_otherwise(info) ? Verdict::kNote : Verdict::kGood, "model",
            fmt::format("{}: {}, {} dimensions, up to {} tokens, {} weights ({}), {}", folder.string(), info.architecture, info.dim,
                        info.max_seq_length, info.weight_precision, info.weight_compute, mebibytes(info.memory_bytes >> 20))};
  }
  return {Verdict::kNote, "model",
          name == kDefaultModelName ? fmt::format("{} is not in the cache yet; `orthant fetch-model` gets it", name)
                                    : fmt::format("{}: no such folder, and not in {}", name, (orthant_home() / "models").string())};
}

Finding examine_daemon(const std::string& url) {
  auto daemon = Daemon::at(url);
  if (!daemon) return {Verdict::kBad, "daemon", daemon.error().message};
  const auto reply = daemon->get_text("/readyz");
  if (!reply) return {Verdict::kNote, "daemon", fmt::format("{}: nobody answers; `orthant serve` starts it", url)};
  if (!reply->ok()) return {Verdict::kNote, "daemon", fmt::format("{}: not ready (HTTP {})", url, reply->status)};
  return {Verdict::kGood, "daemon", url + ": ready"};
}

Result<int> run_doctor(const DoctorArguments& arguments) {
  const WeightPrecision weights = ORTHANT_TRY(parse_weight_precision(arguments.weights));
  const fs::path data = arguments.data_folder.empty() ? orthant_home() / "data" : fs::path(arguments.data_folder);
  const std::vector<Finding> findings = {
      {Verdict::kGood, "version", fmt::format("orthant {}, built with {}", kVersion, kCompiler)},
      examine_cpu(),
      examine_memory(),
      examine_open_files(),
      examine_folder("home", orthant_home()),
      examine_folder("data", data),
      examine_model(arguments.model, weights),
      examine_daemon(arguments.url),
  };
  bool bad = false;
  for (const Finding& finding : findings) {
    const char* mark = finding.verdict == Verdict::kGood ? "ok  " : finding.verdict == Verdict::kNote ? "note" : "BAD ";
    fmt::print("{}  {:<11}{}\n", mark, finding.subject, finding.text);
    bad = bad || finding.verdict == Verdict::kBad;
  }
  return bad ? kExitFailure : kExitSuccess;
}

}  // namespace

void add_doctor_command(CLI::App& program, Action& action) {
  auto arguments = std::make_shared<DoctorArguments>();
  CLI::App& command = *program.add_subcommand("doctor", "Check this machine: CPU, memory, limits, folders, model, daemon");
  command.footer(
      "Prints a line a subject: ok, note (works, but look at it) or BAD (does not work; the exit code is then 1).\n\n"
      "Example:\n"
      "  orthant doctor --data /var/lib/orthant");
  command.add_option("--data", arguments->data_folder, "The daemon's data directory (default: $ORTHANT_HOME/data)");
  command.add_option("--model", arguments->model, "A model's name in the cache, or its folder")->capture_default_str();
  add_weights_option(command, arguments->weights);
  command.add_option("--url", arguments->url, "Address of the daemon")->envname("ORTHANT_URL")->capture_default_str();
  command.callback([arguments, &action] { action = [arguments] { return run_doctor(*arguments); }; });
}

}  // namespace orthant
