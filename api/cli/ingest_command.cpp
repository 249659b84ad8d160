// orthant ingest: documents of files into a collection of a running daemon.

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "api/cli/commands.h"
#include "api/cli/daemon.h"
#include "api/cli/document_reader.h"
#include "api/cli/file_upload.h"
#include "api/cli/make_collection.h"
#include "api/cli/progress.h"
#include "api/json/json_writer.h"

namespace orthant {
namespace {

constexpr std::size_t kBatchDocuments = 128;
constexpr std::size_t kBatchBytes = std::size_t{1} << 20;

struct IngestArguments {
  std::vector<std::string> files;
  std::string collection;
  std::string url{kDefaultUrl};
  bool restart = false;
};

// One file on its way into one collection.
class Ingestion {
 public:
  Ingestion(const IngestArguments& arguments, const std::string& file)
      : arguments_(arguments), file_(file), upload_(file, {.thing = "document", .place = "line", .mark = ":"}) {}

  // Whether every line was accepted.
  Result<bool> run();

 private:
  Status read_and_send(DocumentReader& reader);
  Status send_batch(std::uint64_t next_line);

  const IngestArguments& arguments_;
  const std::string& file_;
  FileUpload upload_;
  DocumentBatch batch_;
  std::unordered_set<PointId> seen_;
  std::uint64_t repeated_ = 0;
};

// The batch reaches to the line before the next document, whatever stands there.
Status Ingestion::send_batch(std::uint64_t next_line) {
  batch_.skip_to(next_line);
  DocumentBatch next;
  next.first_line = next_line;
  if (batch_.body.empty()) return {};
  return upload_.send(std::exchange(batch_, std::move(next)));
}

Status Ingestion::read_and_send(DocumentReader& reader) {
  batch_.first_line = upload_.resumed_from() + 1;
  std::uint64_t last_line = upload_.resumed_from();
  while (auto line = ORTHANT_TRY(reader.next())) {
    const bool done_before = line->number <= upload_.resumed_from();
    last_line = std::max(last_line, line->number);
    upload_.set_share(reader.share_read());
    if (done_before) upload_.show_resumed();
    if (!line->document) {
      upload_.refuse(line->number, line->document.error().message, !done_before);
      continue;
    }
    if (!seen_.insert(line->document->id).second) {
      ++repeated_;
      // The later line must win: what came before has to be written first.
      if (!done_before) {
        ORTHANT_TRY(send_batch(line->number));
        ORTHANT_TRY(upload_.wait_for_all());
      }
    }
    if (done_before) continue;
    batch_.append(*line->document, line->number);
    if (batch_.line_numbers.size() >= kBatchDocuments || batch_.body.size() >= kBatchBytes) {
      ORTHANT_TRY(send_batch(line->number + 1));
    }
  }
  ORTHANT_TRY(send_batch(last_line + 1));
  ORTHANT_TRY(upload_.wait_for_all());
  return upload_.finish_operation(last_line);
}

Result<bool> Ingestion::run() {
  ORTHANT_TRY(upload_.start_operation(arguments_.url, arguments_.collection, arguments_.restart));
  DocumentReader reader = ORTHANT_TRY(DocumentReader::open(file_));
  const Status sent = read_and_send(reader);
  const std::string repeats =
      repeated_ == 0 ? "" : fmt::format("{} lines repeat an id; the last line of an id stands", group_digits(repeated_));
  return upload_.finish(sent, repeats);
}

Result<int> run_ingest(const IngestArguments& arguments) {
  Daemon daemon = ORTHANT_TRY(Daemon::at(arguments.url));
  if (!ORTHANT_TRY(daemon.find(collection_target(arguments.collection)))) {
    ORTHANT_TRY(create_text_collection(daemon, arguments.collection));
  }
  bool all_accepted = true;
  for (const std::string& file : arguments.files) {
    Ingestion ingestion(arguments, file);
    all_accepted = ORTHANT_TRY(ingestion.run()) && all_accepted;
  }
  return all_accepted ? kExitSuccess : kExitFailure;
}

}  // namespace

void add_ingest_command(CLI::App& program, Action& action) {
  auto arguments = std::make_shared<IngestArguments>();
  CLI::App& command = *program.add_subcommand("ingest", "Put documents of files into a collection of a running daemon");
  command.footer(
      "A .jsonl file holds an object a line: `text` (and `title`, which is put before it), `id` or `_id`, and whatever else, "
      "which\n"
      "becomes the payload. A .tsv file names its columns in the first line. .gz and .zst files are unpacked on the way.\n"
      "Ids are integers or UUIDs; any other text gets a UUID that follows from it, and is kept in the payload as `_id`. A line\n"
      "without an id gets one that follows from its content. The collection is created if it does not exist.\n"
      "A run that was stopped goes on where it was when the same command is given again. Lines that are refused are printed with\n"
      "the reason; the exit code is then 1, and all other lines are in.\n\n"
      "Examples:\n"
      "  orthant ingest notes.jsonl --collection notes\n"
      "  orthant ingest titles.tsv.gz pages.jsonl.zst --collection library --url http://search.local:6333");
  command.add_option("files", arguments->files, "Files to read")->required();
  command.add_option("--collection", arguments->collection, "Where the documents go")->required();
  command.add_option("--url", arguments->url, "Address of the daemon")->envname("ORTHANT_URL")->capture_default_str();
  command.add_flag("--restart", arguments->restart, "Begin at the first line, whatever an earlier run has done");
  command.callback([arguments, &action] { action = [arguments] { return run_ingest(*arguments); }; });
}

}  // namespace orthant
