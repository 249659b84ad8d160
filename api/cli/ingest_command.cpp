// orthant ingest: documents of files into a collection of a running daemon.

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

#include "api/cli/batch_uploader.h"
#include "api/cli/commands.h"
#include "api/cli/daemon.h"
#include "api/cli/document_reader.h"
#include "api/cli/ingest_state.h"
#include "api/cli/make_collection.h"
#include "api/cli/progress.h"
#include "api/json/json_writer.h"
#include "base/digest.h"

namespace orthant {
namespace {

constexpr std::size_t kConnections = 3;
constexpr std::size_t kBatchDocuments = 128;
constexpr std::size_t kBatchBytes = std::size_t{1} << 20;
constexpr std::size_t kShownRefusals = 100;

struct IngestArguments {
  std::vector<std::string> files;
  std::string collection;
  std::string url{kDefaultUrl};
  bool restart = false;
};

// One file on its way into one collection.
class Ingestion {
 public:
  Ingestion(const IngestArguments& arguments, std::string file)
      : arguments_(arguments), file_(std::move(file)), progress_(std::filesystem::path(file_).filename().string(), "documents") {}

  // Whether every line was accepted.
  Result<bool> run();

 private:
  Status find_state();
  Status read_and_send(DocumentReader& reader, BatchUploader& uploader);
  Status send_batch(BatchUploader& uploader);
  Status wait_for_all(BatchUploader& uploader);
  Status take_answer(const BatchAnswer& answer);
  void refuse(std::uint64_t line_number, std::string_view reason);
  void report() const;

  const IngestArguments& arguments_;
  std::string file_;
  std::filesystem::path state_file_;
  IngestState state_;
  DocumentBatch batch_;
  std::unordered_set<PointId> seen_;
  std::uint64_t repeated_ = 0;
  std::uint64_t resumed_from_ = 0;
  std::uint64_t refused_here_ = 0;  // lines that this program could not read, those of an earlier run included
  std::uint64_t shown_ = 0;
  double share_ = 0;
  Progress progress_;
};

Status Ingestion::find_state() {
  state_file_ = ingest_state_file(ORTHANT_TRY(sha256_hex_of_file(file_)), arguments_.collection, arguments_.url);
  if (!arguments_.restart) state_ = load_ingest_state(state_file_);
  resumed_from_ = state_.acknowledged_line;
  if (resumed_from_ > 0) fmt::print(stderr, "{}: going on after line {}\n", file_, group_digits(resumed_from_));
  return {};
}

void Ingestion::refuse(std::uint64_t line_number, std::string_view reason) {
  ++shown_;
  progress_.clear();
  if (shown_ <= kShownRefusals) fmt::print(stderr, "{}:{}: {}\n", file_, line_number, reason);
  if (shown_ == kShownRefusals) fmt::print(stderr, "{}: further lines that are refused are only counted\n", file_);
}

Status Ingestion::take_answer(const BatchAnswer& answer) {
  for (const RefusedLine& line : answer.refused) refuse(line.line_number, line.reason);
  state_.acknowledged_line = answer.last_line;
  state_.accepted += answer.accepted;
  state_.refused += answer.refused.size();
  state_.truncated += answer.truncated;
  progress_.update(state_.accepted, share_);
  return save_ingest_state(state_file_, state_);
}

Status Ingestion::wait_for_all(BatchUploader& uploader) {
  while (const auto answer = ORTHANT_TRY(uploader.wait())) ORTHANT_TRY(take_answer(*answer));
  return {};
}

Status Ingestion::send_batch(BatchUploader& uploader) {
  if (batch_.empty()) return {};
  if (const auto answer = ORTHANT_TRY(uploader.send(std::exchange(batch_, {})))) ORTHANT_TRY(take_answer(*answer));
  return {};
}

Status Ingestion::read_and_send(DocumentReader& reader, BatchUploader& uploader) {
  while (auto line = ORTHANT_TRY(reader.next())) {
    const bool done_before = line->number <= resumed_from_;
    share_ = reader.share_read();
    if (done_before) progress_.start_from(state_.accepted, share_);
    if (!line->document) {
      ++refused_here_;
      if (!done_before) refuse(line->number, line->document.error().message);
      continue;
    }
    if (!seen_.insert(line->document->id).second) {
      ++repeated_;
      // The later line must win: what came before has to be written first.
      if (!done_before) {
        ORTHANT_TRY(send_batch(uploader));
        ORTHANT_TRY(wait_for_all(uploader));
      }
    }
    if (done_before) continue;
    batch_.append(*line->document, line->number);
    if (batch_.line_numbers.size() >= kBatchDocuments || batch_.body.size() >= kBatchBytes) ORTHANT_TRY(send_batch(uploader));
  }
  ORTHANT_TRY(send_batch(uploader));
  return wait_for_all(uploader);
}

void Ingestion::report() const {
  const double seconds = progress_.elapsed_seconds();
  const std::uint64_t refused = state_.refused + refused_here_;
  fmt::print("{}: {} documents in {}, {} lines refused\n", file_, group_digits(state_.accepted), format_duration(seconds),
             group_digits(refused));
  if (repeated_ > 0) fmt::print("{} lines repeat an id; the last line of an id stands\n", group_digits(repeated_));
  if (state_.truncated > 0) {
    fmt::print("{} texts are longer than the model takes; their embeddings see the beginning\n", group_digits(state_.truncated));
  }
}

Result<bool> Ingestion::run() {
  ORTHANT_TRY(find_state());
  DocumentReader reader = ORTHANT_TRY(DocumentReader::open(file_));
  BatchUploader uploader = ORTHANT_TRY(BatchUploader::create(arguments_.url, arguments_.collection, kConnections));
  const Status sent = read_and_send(reader, uploader);
  if (!sent) {
    return fail(sent.error().code, fmt::format("{}: stopped after line {}: {}; the same command goes on from there", file_,
                                               state_.acknowledged_line, sent.error().message));
  }
  std::error_code ignored;
  std::filesystem::remove(state_file_, ignored);
  progress_.clear();
  report();
  return state_.refused + refused_here_ == 0;
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
