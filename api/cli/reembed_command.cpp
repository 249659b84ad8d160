// orthant reembed: another model encodes the kept texts of a collection, and takes over.

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "api/cli/commands.h"
#include "api/cli/daemon.h"
#include "api/cli/progress.h"
#include "api/json/json_writer.h"

namespace orthant {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{250};

struct ReembedArguments {
  std::string collection;
  std::string model;
  std::string vector;
  std::string url{kDefaultUrl};
  bool drop_without_text = false;
  bool detach = false;
  bool cancel = false;
};

std::string target_of(const ReembedArguments& arguments) {
  const std::string parameters = arguments.vector.empty() ? "" : "?vector=" + percent_encode(arguments.vector);
  return collection_target(arguments.collection, "/reembed" + parameters);
}

std::string body_of(const ReembedArguments& arguments) {
  std::string body;
  JsonWriter json(body);
  json.begin_object().key("model").string(arguments.model);
  if (!arguments.vector.empty()) json.key("vector").string(arguments.vector);
  json.key("points_without_text").string(arguments.drop_without_text ? "drop" : "refuse").end_object();
  return body;
}

struct Look {
  std::string status;
  std::string model;
  std::string error;
  std::uint64_t texts = 0;
  std::uint64_t encoded = 0;
  double seconds = 0;

  bool running() const { return status == "counting" || status == "encoding" || status == "switching" || status == "waiting"; }
};

Result<Look> read_look(const JsonDocument& answer) {
  const JsonValue result = ORTHANT_TRY(answer.root().require("result"));
  Look look;
  look.status = ORTHANT_TRY(ORTHANT_TRY(result.require("status")).as_string());
  look.model = ORTHANT_TRY(result.find_string("model")).value_or("");
  look.error = ORTHANT_TRY(result.find_string("error")).value_or("");
  look.texts = ORTHANT_TRY(ORTHANT_TRY(result.require("texts")).as_uint());
  look.encoded = ORTHANT_TRY(ORTHANT_TRY(result.require("encoded")).as_uint());
  look.seconds = ORTHANT_TRY(ORTHANT_TRY(result.require("seconds")).as_double());
  return look;
}

// Shows the progress until it is over.
Result<Look> follow(Daemon& daemon, const ReembedArguments& arguments, Look look) {
  Progress progress("re-embedding", "texts");
  progress.start_from(look.encoded, look.texts == 0 ? 0 : static_cast<double>(look.encoded) / static_cast<double>(look.texts));
  while (look.running()) {
    if (look.texts > 0) progress.update(look.encoded, static_cast<double>(look.encoded) / static_cast<double>(look.texts));
    std::this_thread::sleep_for(kBetweenLooks);
    look = ORTHANT_TRY(read_look(ORTHANT_TRY(daemon.call("GET", target_of(arguments)))));
  }
  return look;
}

Result<int> run_reembed(const ReembedArguments& arguments) {
  Daemon daemon = ORTHANT_TRY(Daemon::at(arguments.url));
  if (arguments.cancel) {
    const JsonDocument answer = ORTHANT_TRY(daemon.call("DELETE", target_of(arguments)));
    const bool cancelled = ORTHANT_TRY(ORTHANT_TRY(answer.root().require("result")).as_bool());
    fmt::print("{}\n", cancelled ? "cancelled; the collection keeps its embeddings" : "no re-embedding was running");
    return kExitSuccess;
  }
  const std::string target = collection_target(arguments.collection, "/reembed");
  Look look = ORTHANT_TRY(read_look(ORTHANT_TRY(daemon.call("POST", target, body_of(arguments)))));
  if (arguments.detach) {
    fmt::print("{} texts are being encoded by {}\n", group_digits(look.texts), look.model);
    return kExitSuccess;
  }
  look = ORTHANT_TRY(follow(daemon, arguments, std::move(look)));
  if (look.status != "finished") {
    return fail(ErrorCode::kFailedPrecondition, look.error.empty() ? "re-embedding: " + look.status : look.error);
  }
  fmt::print("{} texts encoded by {} in {}; it serves now\n", group_digits(look.texts), look.model, format_duration(look.seconds));
  return kExitSuccess;
}

}  // namespace

void add_reembed_command(CLI::App& program, Action& action) {
  auto arguments = std::make_shared<ReembedArguments>();
  CLI::App& command = *program.add_subcommand("reembed", "Encode a collection's texts with another model");
  command.footer(
      "The daemon encodes the texts that it keeps with another of its loaded models, behind all searches and writes. Searches\n"
      "answer from the old embeddings until all are made; then the new ones take over at once, whatever their dimension. This\n"
      "command only watches: interrupting it, or restarting the daemon, stops nothing. Calling it again watches again.\n\n"
      "Examples:\n"
      "  orthant reembed notes multi-qa-mpnet-base-dot-v1\n"
      "  orthant reembed notes --cancel");
  command.add_option("collection", arguments->collection, "Which collection")->required();
  CLI::Option* model = command.add_option("model", arguments->model, "The model that takes over: loaded by the daemon (--model)");
  command.add_option("--vector", arguments->vector, "Which of its vectors, where they have names");
  command.add_flag("--drop-points-without-text", arguments->drop_without_text,
                   "Points that brought a ready vector lose it; without this they are a reason not to begin");
  command.add_flag("--detach", arguments->detach, "Begin, and do not wait");
  command.add_flag("--cancel", arguments->cancel, "Stop it and throw away what was encoded")->excludes(model);
  command.add_option("--url", arguments->url, "Address of the daemon")->envname("ORTHANT_URL")->capture_default_str();
  command.callback([arguments, &action] {
    if (arguments->model.empty() && !arguments->cancel) throw CLI::RequiredError("model");
    action = [arguments] { return run_reembed(*arguments); };
  });
}

}  // namespace orthant
