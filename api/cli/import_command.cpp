// orthant import: files of vectors into a collection of a running daemon.

#include <algorithm>
#include <cstdint>
#include <deque>
#include <filesystem>
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
#include "api/cli/ingest_state.h"
#include "api/cli/make_collection.h"
#include "api/cli/progress.h"
#include "api/exchange/ids_file.h"
#include "api/exchange/point_body.h"
#include "api/exchange/vector_file.h"
#include "api/qdrant/point_bytes.h"
#include "base/digest.h"

namespace orthant {
namespace {

constexpr std::size_t kConnections = 3;
constexpr std::size_t kBatchBytes = std::size_t{4} << 20;
constexpr std::size_t kMaxBatchRows = 4096;
constexpr std::size_t kBatchTexts = 128;  // texts take the daemon long
constexpr std::size_t kShownRefusals = 100;

struct ImportArguments {
  std::vector<std::string> files;
  std::string collection;
  std::string url{kDefaultUrl};
  std::string vector_name;
  std::string metric;
  std::string format;
  std::string ids;
  std::string codes;
  std::string id_column;
  std::string vector_column;
  std::string text_column;
  std::optional<std::string> payload;
  bool restart = false;
};

std::vector<std::string> split_list(std::string_view list) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t comma = list.find(',');
    parts.emplace_back(list.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    list.remove_prefix(comma + 1);
  }
}

Result<VectorFileOptions> file_options(const ImportArguments& arguments, const std::string& file) {
  VectorFileOptions options;
  options.format = ORTHANT_TRY(file_format_of(file, arguments.format));
  options.id_column = arguments.id_column;
  options.vector_column = arguments.vector_column;
  options.text_column = arguments.text_column;
  if (arguments.codes == "int8") options.codes = VectorForm::kInt8;
  if (arguments.codes == "ubinary") options.codes = VectorForm::kUbinary;
  if (arguments.payload) options.payload_columns = split_list(*arguments.payload);
  return options;
}

// "Cosine" for "cosine", by the daemon's names.
Metric metric_named(std::string_view lower_case) {
  for (const Metric metric : {Metric::kDot, Metric::kEuclid, Metric::kManhattan}) {
    std::string name(metric_name(metric));
    std::ranges::transform(name, name.begin(), [](char letter) { return letter < 'a' ? static_cast<char>(letter + 32) : letter; });
    if (name == lower_case) return metric;
  }
  return Metric::kCosine;
}

// One file on its way into one collection.
class Import {
 public:
  Import(const ImportArguments& arguments, std::string file)
      : arguments_(arguments), file_(std::move(file)), progress_(std::filesystem::path(file_).filename().string(), "vectors") {}

  // Whether every row was accepted.
  Result<bool> run();

 private:
  Status open();
  Status find_state();
  Status make_collection() const;
  Status read_and_send(BatchUploader& uploader);
  Status send_row(BatchUploader& uploader, const VectorRows& rows, std::size_t row, std::uint64_t number);
  Status send_batch(BatchUploader& uploader, std::uint64_t rows_done);
  Status wait_for_all(BatchUploader& uploader);
  Status take_answer(const BatchAnswer& answer);
  void refuse(std::uint64_t row, std::string_view reason);
  void report() const;
  bool embeds_texts() const { return vectors_->info().dim == 0; }

  const ImportArguments& arguments_;
  std::string file_;
  std::unique_ptr<VectorFile> vectors_;
  std::optional<IdsFile> ids_;
  std::filesystem::path state_file_;
  IngestState state_;
  DocumentBatch batch_;
  // Of equal ids the later row must win, and batches overtake each other: no two on their way may share an id.
  std::unordered_set<PointId> ids_on_the_way_;
  std::deque<std::vector<PointId>> ids_of_batches_;
  std::vector<PointId> batch_ids_;
  std::uint64_t refused_here_ = 0;
  std::uint64_t shown_ = 0;
  Progress progress_;
};

Status Import::open() {
  const VectorFileOptions options = ORTHANT_TRY(file_options(arguments_, file_));
  vectors_ = ORTHANT_TRY(VectorFile::open(file_, options));
  if (arguments_.ids.empty()) return {};
  ids_.emplace(ORTHANT_TRY(IdsFile::open(arguments_.ids)));
  if (ids_->rows() == vectors_->info().rows) return {};
  return invalid_argument(fmt::format("{}: {} ids for {} rows of {}", arguments_.ids, ids_->rows(), vectors_->info().rows, file_));
}

Status Import::find_state() {
  // What makes other points of the same file is another import.
  const std::string ids_digest = arguments_.ids.empty() ? "" : ORTHANT_TRY(sha256_hex_of_file(arguments_.ids));
  const std::string target = fmt::format("import\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", arguments_.collection, arguments_.vector_name,
                                         ids_digest, arguments_.codes, arguments_.id_column, arguments_.vector_column,
                                         arguments_.text_column, arguments_.payload.value_or("*"));
  state_file_ = ingest_state_file(ORTHANT_TRY(sha256_hex_of_file(file_)), target, arguments_.url);
  if (!arguments_.restart) state_ = load_ingest_state(state_file_);
  if (state_.acknowledged_line > 0)
    fmt::print(stderr, "{}: going on after {} rows\n", file_, group_digits(state_.acknowledged_line));
  return {};
}

Status Import::make_collection() const {
  Daemon daemon = ORTHANT_TRY(Daemon::at(arguments_.url));
  if (ORTHANT_TRY(daemon.find(collection_target(arguments_.collection)))) return {};
  if (embeds_texts()) return create_text_collection(daemon, arguments_.collection);
  const VectorFileInfo& info = vectors_->info();
  IndexConfig config;
  config.dim = info.dim;
  config.form = info.form;
  config.metric = arguments_.metric.empty() ? info.metric.value_or(Metric::kCosine) : metric_named(arguments_.metric);
  return create_vector_collection(daemon, arguments_.collection, arguments_.vector_name, config);
}

void Import::refuse(std::uint64_t row, std::string_view reason) {
  ++shown_;
  progress_.clear();
  if (shown_ <= kShownRefusals) fmt::print(stderr, "{}: row {}: {}\n", file_, row, reason);
  if (shown_ == kShownRefusals) fmt::print(stderr, "{}: further rows that are refused are only counted\n", file_);
}

Status Import::take_answer(const BatchAnswer& answer) {
  for (const PointId& id : ids_of_batches_.front()) ids_on_the_way_.erase(id);
  ids_of_batches_.pop_front();
  for (const RefusedLine& line : answer.refused) refuse(line.line_number, line.reason);
  state_.acknowledged_line = answer.last_line;
  state_.accepted += answer.accepted;
  state_.refused += answer.refused.size();
  state_.truncated += answer.truncated;
  progress_.update(state_.accepted,
                   static_cast<double>(answer.last_line) / static_cast<double>(std::max<std::uint64_t>(vectors_->info().rows, 1)));
  return save_ingest_state(state_file_, state_);
}

Status Import::wait_for_all(BatchUploader& uploader) {
  while (const auto answer = ORTHANT_TRY(uploader.wait())) ORTHANT_TRY(take_answer(*answer));
  return {};
}

Status Import::send_batch(BatchUploader& uploader, std::uint64_t rows_done) {
  if (batch_.empty()) return {};
  batch_.last_line = rows_done;
  ids_on_the_way_.insert(batch_ids_.begin(), batch_ids_.end());
  ids_of_batches_.push_back(std::exchange(batch_ids_, {}));
  if (const auto answer = ORTHANT_TRY(uploader.send(std::exchange(batch_, {})))) ORTHANT_TRY(take_answer(*answer));
  return {};
}

Status Import::send_row(BatchUploader& uploader, const VectorRows& rows, std::size_t row, std::uint64_t number) {
  const PointId id = rows.ids.empty() ? PointId::number(number) : rows.ids[row];
  if (!rows.ids.empty()) {
    if (ids_on_the_way_.contains(id)) {
      ORTHANT_TRY(send_batch(uploader, number));
      ORTHANT_TRY(wait_for_all(uploader));
    }
    batch_ids_.push_back(id);
  }
  if (embeds_texts()) {
    batch_.append({id, rows.texts[row], rows.payloads.empty() ? "{}" : rows.payloads[row]}, number);
  } else {
    if (batch_.empty()) {
      batch_.content_type = qdrant::kPointsContentType;
      qdrant::append_points_header(batch_.body, vectors_->info().form, vectors_->info().dim);
    }
    append_body_point(batch_.body, vectors_->info(), rows, row, id);
    batch_.line_numbers.push_back(number);
  }
  const std::size_t limit = embeds_texts() ? kBatchTexts : kMaxBatchRows;
  if (batch_.line_numbers.size() >= limit || batch_.body.size() >= kBatchBytes) return send_batch(uploader, number + 1);
  return {};
}

Status Import::read_and_send(BatchUploader& uploader) {
  const VectorFileInfo& info = vectors_->info();
  const std::size_t rows_at_once = std::clamp<std::size_t>(kBatchBytes / (vector_bytes(info.form, info.dim) + 1), 1, kMaxBatchRows);
  std::uint64_t first = std::min(state_.acknowledged_line, info.rows);
  progress_.start_from(state_.accepted, static_cast<double>(first) / static_cast<double>(std::max<std::uint64_t>(info.rows, 1)));
  ORTHANT_TRY(vectors_->skip(first));
  while (true) {
    VectorRows rows = ORTHANT_TRY(vectors_->read(rows_at_once));
    if (rows.rows == 0) break;
    if (ids_) ORTHANT_TRY(ids_->put_ids(first, rows));
    std::vector<bool> is_bad(rows.rows);
    for (const RowError& error : rows.errors) {
      if (is_bad[error.row]) continue;
      is_bad[error.row] = true;
      ++refused_here_;
      refuse(first + error.row, error.reason);
    }
    for (std::size_t row = 0; row < rows.rows; ++row) {
      if (is_bad[row]) continue;
      if (!rows.texts.empty() && !embeds_texts() && !rows.texts[row].empty()) {
        rows.payloads[row] = qdrant::payload_with_text(rows.payloads[row], rows.texts[row]);
      }
      ORTHANT_TRY(send_row(uploader, rows, row, first + row));
    }
    first += rows.rows;
  }
  ORTHANT_TRY(send_batch(uploader, first));
  return wait_for_all(uploader);
}

void Import::report() const {
  const double seconds = progress_.elapsed_seconds();
  fmt::print("{}: {} vectors in {} ({} a second), {} rows refused\n", file_, group_digits(state_.accepted),
             format_duration(seconds),
             group_digits(static_cast<std::uint64_t>(static_cast<double>(state_.accepted) / std::max(seconds, 1e-3))),
             group_digits(state_.refused + refused_here_));
  if (state_.truncated > 0) {
    fmt::print("{} texts are longer than the model takes; their embeddings see the beginning\n", group_digits(state_.truncated));
  }
}

Result<bool> Import::run() {
  ORTHANT_TRY(open());
  ORTHANT_TRY(make_collection());
  ORTHANT_TRY(find_state());
  const std::string query = arguments_.vector_name.empty() ? "" : "?vector=" + percent_encode(arguments_.vector_name);
  BatchUploader uploader = ORTHANT_TRY(BatchUploader::create(arguments_.url, arguments_.collection, kConnections, query));
  const Status sent = read_and_send(uploader);
  if (!sent) {
    return fail(sent.error().code, fmt::format("{}: stopped after {} rows: {}; the same command goes on from there", file_,
                                               state_.acknowledged_line, sent.error().message));
  }
  std::error_code ignored;
  std::filesystem::remove(state_file_, ignored);
  progress_.clear();
  report();
  return state_.refused + refused_here_ == 0;
}

Result<int> run_import(const ImportArguments& arguments) {
  if (!arguments.ids.empty() && arguments.files.size() > 1) return invalid_argument("--ids belongs to one file of vectors");
  bool all_accepted = true;
  for (const std::string& file : arguments.files) {
    Import import(arguments, file);
    all_accepted = ORTHANT_TRY(import.run()) && all_accepted;
  }
  return all_accepted ? kExitSuccess : kExitFailure;
}

}  // namespace

void add_import_command(CLI::App& program, Action& action) {
  auto arguments = std::make_shared<ImportArguments>();
  CLI::App& command = *program.add_subcommand("import", "Put vectors of files into a collection of a running daemon");
  command.footer(
      "Reads .npy, .fvecs, .bvecs, .parquet and FAISS indexes (.faiss, .index: flat, IVF flat, HNSW flat, scalar quantizer, "
      "binary,\n"
      "also in an id map or behind an orthonormal transform). Ids come from the file, or from --ids, else rows count from 0.\n"
      "Of a .parquet file the only column of float lists is the vector, `id` or `_id` the id, and all others the payload.\n"
      "The collection is created if it does not exist. A run that was stopped goes on where it was when the same command is given\n"
      "again. Rows that are refused are printed with the reason; the exit code is then 1, and all others are in.\n\n"
      "Examples:\n"
      "  orthant import embeddings.npy --ids ids.npy --collection library\n"
      "  orthant import old_index.faiss --collection library --metric cosine\n"
      "  orthant import titles.parquet --collection titles --vector-column embedding --payload title,year");
  command.add_option("files", arguments->files, "Files to read")->required();
  command.add_option("--collection", arguments->collection, "Where the vectors go")->required();
  command.add_option("--url", arguments->url, "Address of the daemon")->envname("ORTHANT_URL")->capture_default_str();
  command.add_option("--vector", arguments->vector_name, "Name of the collection's vector; default: the only one");
  command.add_option("--metric", arguments->metric, "Of a collection that is created; default: the file's, else cosine")
      ->check(CLI::IsMember({"cosine", "dot", "euclid", "manhattan"}));
  command.add_option("--format", arguments->format, "Default: by the file's extension")
      ->check(CLI::IsMember({"npy", "fvecs", "bvecs", "parquet", "faiss"}));
  command.add_option("--ids", arguments->ids, "File of ids, one a row: .npy (integers or texts) or .ivecs");
  command.add_option("--codes", arguments->codes, "Take 8-bit integers as ready codes instead of as numbers")
      ->check(CLI::IsMember({"int8", "ubinary"}));
  command.add_option("--id-column", arguments->id_column, "Of .parquet: the ids");
  command.add_option("--vector-column", arguments->vector_column, "Of .parquet: the vectors");
  command.add_option("--text-column", arguments->text_column,
                     "Of .parquet: texts, kept in the payload as `text`; encoded by the daemon where the file has no vectors");
  command.add_option("--payload", arguments->payload, "Of .parquet: columns for the payload, by commas; default: all others");
  command.add_flag("--restart", arguments->restart, "Begin at the first row, whatever an earlier run has done");
  command.callback([arguments, &action] { action = [arguments] { return run_import(*arguments); }; });
}

}  // namespace orthant
