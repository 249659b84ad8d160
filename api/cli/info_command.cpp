// orthant info: what a running daemon holds.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "api/cli/commands.h"
#include "api/cli/daemon.h"
#include "api/cli/progress.h"
#include "api/json/json_reader.h"

namespace orthant {
namespace {

// "384 Cosine", or "title: 384 Cosine, body: 768 Dot" where vectors have names.
Result<std::string> describe_vectors(JsonValue vectors) {
  if (vectors.find("size")) {
    const auto size = ORTHANT_TRY(vectors.find_uint("size"));
    return fmt::format("{} {}", size.value_or(0), ORTHANT_TRY(vectors.find_string("distance")).value_or(""));
  }
  std::string text;
  for (const JsonValue vector : vectors.items()) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", vector.key(), ORTHANT_TRY(describe_vectors(vector)));
  }
  return text;
}

Status print_models(Daemon& daemon) {
  const JsonDocument answer = ORTHANT_TRY(daemon.call("GET", "/models"));
  const JsonValue models = ORTHANT_TRY(ORTHANT_TRY(answer.root().require("result")).require("models"));
  for (const JsonValue model : models.items()) {
    const std::string kind = ORTHANT_TRY(model.find_string("kind")).value_or("encoder");
    const std::uint64_t dim = ORTHANT_TRY(model.find_uint("dim")).value_or(0);
    fmt::print("model {}: {}, {}up to {} tokens, {} weights ({})\n", ORTHANT_TRY(ORTHANT_TRY(model.require("name")).as_string()),
               kind, kind == "reranker" ? std::string() : fmt::format("{} dimensions, ", dim),
               ORTHANT_TRY(model.find_uint("max_seq_length")).value_or(0),
               ORTHANT_TRY(model.find_string("weight_precision")).value_or(""),
               ORTHANT_TRY(model.find_string("weight_compute")).value_or(""));
  }
  return {};
}

// What the indexes of a collection hold in memory, over all of its vectors.
Result<std::uint64_t> memory_bytes(JsonValue config) {
  std::uint64_t bytes = 0;
  const auto own = config.find("orthant");
  const auto vectors = own ? own->find("vectors") : std::nullopt;
  if (!vectors) return bytes;
  for (const JsonValue vector : vectors->items()) {
    const auto memory = vector.find("memory");
    if (!memory) continue;
    for (const JsonValue part : memory->items()) bytes += ORTHANT_TRY(part.as_uint());
  }
  return bytes;
}

Status print_collection(Daemon& daemon, const std::string& name) {
  const JsonDocument answer = ORTHANT_TRY(daemon.call("GET", collection_target(name)));
  const JsonValue info = ORTHANT_TRY(answer.root().require("result"));
  const JsonValue config = ORTHANT_TRY(info.require("config"));
  const JsonValue vectors = ORTHANT_TRY(ORTHANT_TRY(config.require("params")).require("vectors"));
  const double mebibytes = static_cast<double>(ORTHANT_TRY(memory_bytes(config))) / (1 << 20);
  fmt::print("{:<32}{:>14}{:>12.1f} MiB  {:<8}{}\n", name, group_digits(ORTHANT_TRY(info.find_uint("points_count")).value_or(0)),
             mebibytes, ORTHANT_TRY(info.find_string("status")).value_or(""), ORTHANT_TRY(describe_vectors(vectors)));
  return {};
}

Result<int> run_info(const std::string& url) {
  Daemon daemon = ORTHANT_TRY(Daemon::at(url));
  const JsonDocument answer = ORTHANT_TRY(daemon.call("GET", "/collections"));
  const JsonValue collections = ORTHANT_TRY(ORTHANT_TRY(answer.root().require("result")).require("collections"));
  fmt::print("{}\n", url);
  ORTHANT_TRY(print_models(daemon));
  if (collections.size() == 0) {
    fmt::print("no collections yet\n");
    return kExitSuccess;
  }
  fmt::print("\n{:<32}{:>14}{:>16}  {:<8}{}\n", "collection", "points", "index memory", "status", "vectors");
  for (const JsonValue collection : collections.items()) {
    ORTHANT_TRY(print_collection(daemon, ORTHANT_TRY(ORTHANT_TRY(collection.require("name")).as_string())));
  }
  return kExitSuccess;
}

}  // namespace

void add_info_command(CLI::App& program, Action& action) {
  auto url = std::make_shared<std::string>(kDefaultUrl);
  CLI::App& command = *program.add_subcommand("info", "Show what a running daemon holds: models, collections, sizes");
  command.footer(
      "Example:\n"
      "  orthant info --url http://127.0.0.1:6333");
  command.add_option("--url", *url, "Address of the daemon")->envname("ORTHANT_URL")->capture_default_str();
  command.callback([url, &action] { action = [url] { return run_info(*url); }; });
}

}  // namespace orthant
