// orthant search: a text against a collection of a running daemon, ranked documents back.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "api/cli/commands.h"
#include "api/cli/daemon.h"
#include "api/cli/document_reader.h"
#include "api/cli/result_text.h"
#include "api/json/json_reader.h"
#include "api/json/json_writer.h"

namespace orthant {
namespace {

struct SearchArguments {
  std::string text;
  std::string collection;
  std::string url{kDefaultUrl};
  std::size_t limit = 5;
  std::string filter;
  bool exact = false;
  bool json = false;
  std::string rerank;
  std::size_t candidates = 50;
  std::string rerank_field;
};

Result<std::string> query_body(const SearchArguments& arguments) {
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.key("query").begin_object().key("text").string(arguments.text).end_object();
  json.key("limit").number(arguments.limit);
  json.key("with_payload").boolean(true);
  if (!arguments.filter.empty()) {
    auto filter = JsonDocument::parse(arguments.filter);
    if (!filter) return with_context("--filter", line_error(std::move(filter).error()).error());
    json.key("filter").raw(filter->root().raw());
  }
  if (arguments.exact) json.key("params").begin_object().key("exact").boolean(true).end_object();
  if (!arguments.rerank.empty()) {
    json.key("rerank").begin_object().key("model").string(arguments.rerank).key("limit").number(arguments.candidates);
    if (!arguments.rerank_field.empty()) json.key("field").string(arguments.rerank_field);
    json.end_object();
  }
  json.end_object();
  return body;
}

Result<int> run_search(const SearchArguments& arguments) {
  Daemon daemon = ORTHANT_TRY(Daemon::at(arguments.url));
  const std::string body = ORTHANT_TRY(query_body(arguments));
  const JsonDocument answer = ORTHANT_TRY(daemon.call("POST", collection_target(arguments.collection, "/points/query"), body));
  const JsonValue points = ORTHANT_TRY(ORTHANT_TRY(answer.root().require("result")).require("points"));
  if (arguments.json) {
    fmt::print("{}\n", points.raw());
    return kExitSuccess;
  }
  std::size_t rank = 0;
  for (const JsonValue point : points.items()) fmt::print("{}", result_text(++rank, ORTHANT_TRY(found_document(point))));
  if (rank == 0) fmt::print("nothing found\n");
  return kExitSuccess;
}

}  // namespace

void add_search_command(CLI::App& program, Action& action) {
  auto arguments = std::make_shared<SearchArguments>();
  CLI::App& command = *program.add_subcommand("search", "Search a collection with a text");
  command.footer(
      "Prints rank, score, id and the beginning of each document; --json prints the points with all of their payload.\n"
      "--filter takes a filter in Qdrant's form: must, should, must_not over match, range, has_id and so on.\n\n"
      "Examples:\n"
      "  orthant search \"who designed the first steam engine?\" --collection demo\n"
      "  orthant search \"engines\" --collection demo --limit 3 --filter '{\"must\": [{\"key\": \"title\", \"match\": {\"value\": "
      "\"Steam_engine\"}}]}'\n"
      "  orthant search \"engines\" --collection demo --rerank ms-marco-MiniLM-L6-v2");
  command.add_option("text", arguments->text, "What to look for")->required();
  command.add_option("--collection", arguments->collection, "Where to look")->required();
  command.add_option("--limit", arguments->limit, "How many documents")->check(CLI::Range(1, 10'000))->capture_default_str();
  command.add_option("--filter", arguments->filter, "Only documents whose payload satisfies this (JSON)");
  command.add_flag("--exact", arguments->exact, "Compare with every document in floats, whatever its size");
  auto* rerank = command.add_option("--rerank", arguments->rerank, "Let this cross-encoder, loaded by the daemon, order the best");
  command.add_option("--rerank-limit", arguments->candidates, "How many of the best it reads")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str()
      ->needs(rerank);
  command.add_option("--rerank-field", arguments->rerank_field, "Member of the payload that it reads; default: the kept text")
      ->needs(rerank);
  command.add_flag("--json", arguments->json, "Print the points as the daemon gives them");
  command.add_option("--url", arguments->url, "Address of the daemon")->envname("ORTHANT_URL")->capture_default_str();
  command.callback([arguments, &action] { action = [arguments] { return run_search(*arguments); }; });
}

}  // namespace orthant
