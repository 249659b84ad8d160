// orthant quality: how well and how fast the searches of a collection are.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "api/cli/beir_dataset.h"
#include "api/cli/commands.h"
#include "api/cli/daemon.h"
#include "api/cli/quality_report.h"
#include "base/whole_file.h"

namespace orthant {
namespace {

struct QualityArguments {
  std::string collection;
  std::string url{kDefaultUrl};
  std::string vector;
  std::uint64_t samples = 0;
  bool refresh = false;
  std::string judgements;
  std::string split = "test";
  std::string json_file;
  std::string csv_file;
  std::string svg_file;
};

std::string target_of(const QualityArguments& arguments, std::string_view rest) {
  std::string parameters = "?vector=" + percent_encode(arguments.vector);
  return collection_target(arguments.collection, "/quality" + parameters + std::string(rest));
}

Result<JsonDocument> ask(Daemon& daemon, const QualityArguments& arguments) {
  if (!arguments.judgements.empty()) {
    const JudgedQueries judged = ORTHANT_TRY(read_judged_queries(arguments.judgements, arguments.split));
    return daemon.call("POST", collection_target(arguments.collection, "/quality"),
                       judged_quality_body(judged, arguments.vector, arguments.samples, arguments.refresh));
  }
  std::string parameters = arguments.refresh ? "&refresh=true" : "";
  if (arguments.samples != 0) parameters += fmt::format("&samples={}", arguments.samples);
  return daemon.call("GET", target_of(arguments, parameters));
}

// The measurement that was just shown, in another form.
Status write_form(Daemon& daemon, const QualityArguments& arguments, std::string_view format, const std::string& file) {
  if (file.empty()) return {};
  const HttpReply reply = ORTHANT_TRY(daemon.get_text(target_of(arguments, fmt::format("&format={}", format))));
  if (!reply.ok()) return fail(ErrorCode::kInternal, fmt::format("{}: {}", format, reply.body));
  return write_whole_file(file, reply.body);
}

Result<int> run_quality(const QualityArguments& arguments) {
  Daemon daemon = ORTHANT_TRY(Daemon::at(arguments.url));
  const JsonDocument answer = ORTHANT_TRY(ask(daemon, arguments));
  const JsonValue quality = ORTHANT_TRY(answer.root().require("result"));
  fmt::print("{}", ORTHANT_TRY(quality_text(quality)));
  if (!arguments.json_file.empty()) {
    ORTHANT_TRY(write_whole_file(arguments.json_file, std::string(quality.raw()) + '\n'));
  }
  ORTHANT_TRY(write_form(daemon, arguments, "csv", arguments.csv_file));
  ORTHANT_TRY(write_form(daemon, arguments, "svg", arguments.svg_file));
  return kExitSuccess;
}

}  // namespace

void add_quality_command(CLI::App& program, Action& action) {
  auto arguments = std::make_shared<QualityArguments>();
  CLI::App& command = *program.add_subcommand("quality", "Measure what the searches of a collection find and cost");
  command.footer(
      "The daemon searches for rows of the collection at every target recall and through every structure that it has, and "
      "compares\n"
      "with exact float search: recall@10, microseconds a query (one thread), bytes a vector, and the calibration behind them.\n"
      "The last result is kept. --judgements takes a set in BEIR's layout (queries.jsonl, qrels/<split>.tsv or qrels.tsv) whose\n"
      "documents are in the collection, and adds nDCG@10 and what is kept of that of exact floats.\n\n"
      "Examples:\n"
      "  orthant quality notes\n"
      "  orthant quality notes --refresh --svg curve.svg --csv curve.csv\n"
      "  orthant quality scifact --judgements ./scifact");
  command.add_option("collection", arguments->collection, "Which collection")->required();
  command.add_option("--vector", arguments->vector, "Which of its vectors, where they have names");
  command.add_option("--samples", arguments->samples, "Rows to search for, each as it is and moved (default 100)")
      ->check(CLI::Range(8, 1000));
  command.add_flag("--refresh", arguments->refresh, "Measure anew instead of showing the last result");
  command.add_option("--judgements", arguments->judgements, "Folder of a set with judged queries");
  command.add_option("--split", arguments->split, "Which judgements: qrels/<split>.tsv")->capture_default_str();
  command.add_option("--json", arguments->json_file, "Also write the figures to this file");
  command.add_option("--csv", arguments->csv_file, "Also write the curve to this file, a line a point");
  command.add_option("--svg", arguments->svg_file, "Also draw the curve into this file");
  command.add_option("--url", arguments->url, "Address of the daemon")->envname("ORTHANT_URL")->capture_default_str();
  command.callback([arguments, &action] { action = [arguments] { return run_quality(*arguments); }; });
}

}  // namespace orthant
