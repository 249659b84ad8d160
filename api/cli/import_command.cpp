// orthant import: files of vectors into a collection of a running daemon.

#include <algorithm>
#include <cstdint>
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
#include "api/cli/file_upload.h"
#include "api/cli/make_collection.h"
#include "api/exchange/ids_file.h"
#include "api/exchange/point_body.h"
#include "api/exchange/vector_file.h"
#include "api/qdrant/point_bytes.h"
#include "base/digest.h"

namespace orthant {
namespace {

constexpr std::size_t kBatchBytes = std::size_t{4} << 20;
constexpr std::size_t kMaxBatchRows = 4096;
constexpr std::size_t kBatchTexts = 128;  // texts take the daemon long

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
  Import(const ImportArguments& arguments, const std::string& file)
      : arguments_(arguments), file_(file), upload_(file, {.thing = "vector", .place = "row", .mark = ": row "}) {}

  // Whether every row was accepted.
  Result<bool> run();

 private:
  Status open();
  Status start();
  Status make_collection() const;
  Status read_and_send();
  Status send_row(const VectorRows& rows, std::size_t row, std::uint64_t number);
  Status send_batch(std::uint64_t rows_done);
  bool embeds_texts() const { return vectors_->info().dim == 0; }

  const ImportArguments& arguments_;
  const std::string& file_;
  FileUpload upload_;
  std::unique_ptr<VectorFile> vectors_;
  std::optional<IdsFile> ids_;
  DocumentBatch batch_;
  // Of equal ids the later row must win, and batches overtake each other: no two on their way may share an id.
  std::unordered_set<PointId> ids_on_the_way_;
  std::vector<PointId> batch_ids_;
};

Status Import::open() {
  const VectorFileOptions options = ORTHANT_TRY(file_options(arguments_, file_));
  vectors_ = ORTHANT_TRY(VectorFile::open(file_, options));
  if (arguments_.ids.empty()) return {};
  ids_.emplace(ORTHANT_TRY(IdsFile::open(arguments_.ids)));
  if (ids_->rows() == vectors_->info().rows) return {};
  return invalid_argument(fmt::format("{}: {} ids for {} rows of {}", arguments_.ids, ids_->rows(), vectors_->info().rows, file_));
}

Status Import::start() {
  // What makes other points of the same file is another import.
  const std::string ids_digest = arguments_.ids.empty() ? "" : ORTHANT_TRY(sha256_hex_of_file(arguments_.ids));
  const std::string target = fmt::format("import\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", arguments_.collection, arguments_.vector_name,
                                         ids_digest, arguments_.codes, arguments_.id_column, arguments_.vector_column,
                                         arguments_.text_column, arguments_.payload.value_or("*"));
  const std::string query = arguments_.vector_name.empty() ? "" : "?vector=" + percent_encode(arguments_.vector_name);
  return upload_.start(arguments_.url, arguments_.collection, target, arguments_.restart, query);
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

Status Import::send_batch(std::uint64_t rows_done) {
  if (batch_.empty()) return {};
  batch_.last_line = rows_done;
  ids_on_the_way_.insert(batch_ids_.begin(), batch_ids_.end());
  return upload_.send(std::exchange(batch_, {}), [this, ids = std::exchange(batch_ids_, {})] {
    for (const PointId& id : ids) ids_on_the_way_.erase(id);
  });
}

Status Import::send_row(const VectorRows& rows, std::size_t row, std::uint64_t number) {
  const PointId id = rows.ids.empty() ? PointId::number(number) : rows.ids[row];
  if (!rows.ids.empty()) {
    if (ids_on_the_way_.contains(id)) {
      ORTHANT_TRY(send_batch(number));
      ORTHANT_TRY(upload_.wait_for_all());
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
  if (batch_.line_numbers.size() >= limit || batch_.body.size() >= kBatchBytes) return send_batch(number + 1);
  return {};
}

Status Import::read_and_send() {
  const VectorFileInfo& info = vectors_->info();
  const std::size_t rows_at_once = std::clamp<std::size_t>(kBatchBytes / (vector_bytes(info.form, info.dim) + 1), 1, kMaxBatchRows);
  const auto share = [&info](std::uint64_t rows) {
    return static_cast<double>(rows) / static_cast<double>(std::max<std::uint64_t>(info.rows, 1));
  };
  std::uint64_t first = std::min(upload_.resumed_from(), info.rows);
  upload_.set_share(share(first));
  upload_.show_resumed();
  ORTHANT_TRY(vectors_->skip(first));
  while (true) {
    VectorRows rows = ORTHANT_TRY(vectors_->read(rows_at_once));
    if (rows.rows == 0) break;
    if (ids_) ORTHANT_TRY(ids_->put_ids(first, rows));
    std::vector<bool> is_bad(rows.rows);
    for (const RowError& error : rows.errors) {
      if (is_bad[error.row]) continue;
      is_bad[error.row] = true;
      upload_.refuse(first + error.row, error.reason);
    }
    for (std::size_t row = 0; row < rows.rows; ++row) {
      if (is_bad[row]) continue;
      if (!rows.texts.empty() && !embeds_texts() && !rows.texts[row].empty()) {
        rows.payloads[row] = qdrant::payload_with_text(rows.payloads[row], rows.texts[row]);
      }
      ORTHANT_TRY(send_row(rows, row, first + row));
    }
    first += rows.rows;
    upload_.set_share(share(first));
  }
  ORTHANT_TRY(send_batch(first));
  return upload_.wait_for_all();
}

Result<bool> Import::run() {
  ORTHANT_TRY(open());
  ORTHANT_TRY(make_collection());
  ORTHANT_TRY(start());
  return upload_.finish(read_and_send());
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
