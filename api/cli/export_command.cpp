// orthant export: all points of a collection of a running daemon into a file of vectors.

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "api/cli/commands.h"
#include "api/cli/daemon.h"
#include "api/cli/document_reader.h"
#include "api/cli/progress.h"
#include "api/exchange/point_scroll.h"
#include "api/exchange/vector_writer.h"
#include "api/json/json_reader.h"

namespace orthant {
namespace {

constexpr std::size_t kPageBytes = std::size_t{4} << 20;
constexpr std::size_t kMaxPage = 1024;

struct ExportArguments {
  std::string collection;
  std::string file;
  std::string url{kDefaultUrl};
  std::string vector_name;
  std::string format;
  std::string faiss = "flat";
  std::string ids;
  std::string payload;
  std::string filter;
  bool no_payload = false;
  bool overwrite = false;
};

FaissKind faiss_kind(std::string_view name) {
  if (name == "hnsw") return FaissKind::kHnsw;
  if (name == "sq8") return FaissKind::kSq8;
  if (name == "binary") return FaissKind::kBinary;
  return FaissKind::kFlat;
}

// What both kinds of values can be stored as.
FieldKind joined(std::optional<FieldKind> known, FieldKind found) {
  if (!known || *known == found) return found;
  const bool numbers = (*known == FieldKind::kInteger || *known == FieldKind::kNumber) &&
                       (found == FieldKind::kInteger || found == FieldKind::kNumber);
  return numbers ? FieldKind::kNumber : FieldKind::kJson;
}

FieldKind kind_of(JsonValue value) {
  if (value.is_bool()) return FieldKind::kBoolean;
  if (value.is_string()) return FieldKind::kText;
  if (value.is_integer() && value.as_int()) return FieldKind::kInteger;
  return value.is_number() && value.as_double() ? FieldKind::kNumber : FieldKind::kJson;
}

class Export {
 public:
  explicit Export(const ExportArguments& arguments)
      : arguments_(arguments), progress_(std::filesystem::path(arguments.file).filename().string(), "points") {}

  Status run();

 private:
  Status choose_files();
  Status check_absent(const std::filesystem::path& path) const;
  Result<std::unique_ptr<PointScroll>> scroll(bool with_vectors) const;
  Status find_fields();
  Status copy(VectorWriter& writer);
  bool takes_payload() const { return options_.format == FileFormat::kParquet && !arguments_.no_payload; }

  const ExportArguments& arguments_;
  std::string filter_;
  VectorDescription vector_;
  VectorWriterOptions options_;
  std::vector<std::string> field_names_;
  std::uint64_t points_ = 0;
  std::uint64_t without_vector_ = 0;
  Progress progress_;
};

Status Export::check_absent(const std::filesystem::path& path) const {
  std::error_code error;
  if (arguments_.overwrite || !std::filesystem::exists(path, error)) return {};
  return fail(ErrorCode::kAlreadyExists, fmt::format("{}: exists; --overwrite replaces it", path.string()));
}

Status Export::choose_files() {
  options_.format = ORTHANT_TRY(file_format_of(arguments_.file, arguments_.format));
  ORTHANT_TRY(check_absent(arguments_.file));
  if (options_.format == FileFormat::kParquet || options_.format == FileFormat::kFaiss) {
    if (!arguments_.ids.empty()) return invalid_argument("--ids: this format holds the ids itself");
    return {};
  }
  options_.ids = arguments_.ids;
  if (arguments_.ids.empty()) {
    options_.ids =
        std::filesystem::path(arguments_.file).replace_extension(options_.format == FileFormat::kNpy ? ".ids.npy" : ".ivecs");
  }
  return check_absent(options_.ids);
}

Result<std::unique_ptr<PointScroll>> Export::scroll(bool with_vectors) const {
  ScrollOptions options{.collection = arguments_.collection, .filter = filter_};
  options.page = std::clamp<std::size_t>(kPageBytes / (vector_.config.dim * sizeof(float)), 1, kMaxPage);
  options.with_payload = takes_payload();
  // Source texts come with whole payloads alone, and other names might read as paths.
  const bool plain = std::ranges::all_of(field_names_, [](std::string_view name) {
    return name != "text" &&
           std::ranges::all_of(name, [](unsigned char letter) { return std::isalnum(letter) != 0 || letter == '_'; });
  });
  if (plain) options.fields = field_names_;
  if (with_vectors) options.vector = vector_;
  return std::make_unique<PointScroll>(ORTHANT_TRY(Daemon::at(arguments_.url)), std::move(options));
}

// Columns have one kind each, known before the first row is written: one walk over the payloads tells.
Status Export::find_fields() {
  std::vector<std::optional<FieldKind>> kinds(field_names_.size());
  const auto points = ORTHANT_TRY(scroll(false));
  while (true) {
    const VectorRows rows = ORTHANT_TRY(points->next());
    if (rows.rows == 0) break;
    for (const std::string& payload : rows.payloads) {
      const JsonDocument document = ORTHANT_TRY(JsonDocument::parse(payload));
      for (std::size_t i = 0; i < field_names_.size(); ++i) {
        if (const auto value = document.root().find(field_names_[i])) kinds[i] = joined(kinds[i], kind_of(*value));
      }
    }
  }
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (!kinds[i]) fmt::print(stderr, "no point has a field `{}`\n", field_names_[i]);
    options_.fields.push_back({field_names_[i], kinds[i].value_or(FieldKind::kText)});
  }
  return {};
}

Status Export::copy(VectorWriter& writer) {
  const auto points = ORTHANT_TRY(scroll(true));
  while (true) {
    const VectorRows rows = ORTHANT_TRY(points->next());
    if (rows.rows == 0) break;
    ORTHANT_TRY(writer.append(rows));
    points_ += rows.rows;
    progress_.update(points_, static_cast<double>(points_) / static_cast<double>(std::max(vector_.points, points_)));
  }
  without_vector_ = points->without_vector();
  return writer.finish();
}

Status Export::run() {
  ORTHANT_TRY(choose_files());
  if (!arguments_.filter.empty()) {
    auto filter = JsonDocument::parse(arguments_.filter);
    if (!filter) return with_context("--filter", line_error(std::move(filter).error()).error());
    filter_ = filter->root().raw();
  }
  Daemon daemon = ORTHANT_TRY(Daemon::at(arguments_.url));
  vector_ = ORTHANT_TRY(describe_vector(daemon, arguments_.collection, arguments_.vector_name));
  options_.faiss = faiss_kind(arguments_.faiss);
  options_.dim = vector_.config.dim;
  options_.form = vector_.config.form;
  options_.metric = vector_.config.metric;
  if (options_.form == VectorForm::kUbinary && options_.faiss == FaissKind::kFlat) options_.faiss = FaissKind::kBinary;
  options_.has_uuids = ORTHANT_TRY(has_uuid_points(daemon, arguments_.collection, filter_));
  options_.all_payload = takes_payload();
  std::string_view fields = arguments_.payload;
  while (!fields.empty()) {
    const std::size_t comma = fields.find(',');
    field_names_.emplace_back(fields.substr(0, comma));
    fields.remove_prefix(comma == std::string_view::npos ? fields.size() : comma + 1);
  }
  if (!field_names_.empty() && !takes_payload()) return invalid_argument("--payload: only .parquet holds payloads");
  for (const std::string& name : field_names_) {
    if (name == "id" || name == "vector") return invalid_argument(fmt::format("--payload: the column `{}` is taken", name));
  }
  // Refused files are refused before the first walk.
  if (!field_names_.empty()) ORTHANT_TRY(find_fields());
  const auto writer = ORTHANT_TRY(VectorWriter::create(arguments_.file, options_));
  ORTHANT_TRY(copy(*writer));
  progress_.clear();
  const double seconds = progress_.elapsed_seconds();
  fmt::print("{}: {} points in {}\n", arguments_.file, group_digits(points_), format_duration(seconds));
  if (!options_.ids.empty()) fmt::print("{}: their ids\n", options_.ids.string());
  if (without_vector_ > 0) fmt::print("{} points have no such vector and are not in the file\n", group_digits(without_vector_));
  return {};
}

}  // namespace

void add_export_command(CLI::App& program, Action& action) {
  auto arguments = std::make_shared<ExportArguments>();
  CLI::App& command = *program.add_subcommand("export", "Write all points of a collection of a running daemon into a file");
  command.footer(
      "Writes .npy, .fvecs and .bvecs (with the ids in a file beside: NAME.ids.npy, NAME.ivecs), .parquet (columns id, vector and\n"
      "payload) and FAISS indexes (.faiss, .index: an id map over the index that --faiss-index names). Points come by ascending "
      "id.\n"
      "Vectors of cosine collections are written as they are stored: normalized. The file appears whole or not at all.\n\n"
      "Examples:\n"
      "  orthant export library vectors.npy\n"
      "  orthant export library library.parquet --payload title,year\n"
      "  orthant export library library.faiss --faiss-index hnsw --overwrite");
  command.add_option("collection", arguments->collection, "What to write")->required();
  command.add_option("file", arguments->file, "Where to")->required();
  command.add_option("--url", arguments->url, "Address of the daemon")->envname("ORTHANT_URL")->capture_default_str();
  command.add_option("--vector", arguments->vector_name, "Name of the collection's vector; default: the only one");
  command.add_option("--format", arguments->format, "Default: by the file's extension")
      ->check(CLI::IsMember({"npy", "fvecs", "bvecs", "parquet", "faiss"}));
  command.add_option("--faiss-index", arguments->faiss, "Kind of a FAISS index; ubinary codes make a binary one")
      ->check(CLI::IsMember({"flat", "hnsw", "sq8", "binary"}))
      ->capture_default_str();
  command.add_option("--ids", arguments->ids, "Where the ids go, .npy or .ivecs; default: beside the file");
  auto* payload = command.add_option("--payload", arguments->payload,
                                     "Of .parquet: these fields, by commas, as columns; default: one column of JSON");
  command.add_flag("--no-payload", arguments->no_payload, "Of .parquet: ids and vectors alone")->excludes(payload);
  command.add_option("--filter", arguments->filter, "Only points whose payload satisfies this (JSON)");
  command.add_flag("--overwrite", arguments->overwrite, "Replace files that exist");
  command.callback([arguments, &action] {
    action = [arguments]() -> Result<int> {
      ORTHANT_TRY(Export(*arguments).run());
      return kExitSuccess;
    };
  });
}

}  // namespace orthant
