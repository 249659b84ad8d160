#include "api/cli/ingest_state.h"

#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "api/json/json_reader.h"
#include "api/json/json_writer.h"
#include "base/digest.h"
#include "encoder/encoder_registry.h"

namespace orthant {
namespace {

constexpr std::uint64_t kFormat = 1;

Result<IngestState> parse_state(std::string text) {
  const JsonDocument json = ORTHANT_TRY(JsonDocument::parse(std::move(text)));
  const JsonValue root = json.root();
  const std::uint64_t format = ORTHANT_TRY(ORTHANT_TRY(root.require("format")).as_uint());
  if (format != kFormat) return invalid_argument(fmt::format("format {}, expected {}", format, kFormat));
  IngestState state;
  state.acknowledged_line = ORTHANT_TRY(ORTHANT_TRY(root.require("acknowledged_line")).as_uint());
  state.accepted = ORTHANT_TRY(ORTHANT_TRY(root.require("accepted")).as_uint());
  state.refused = ORTHANT_TRY(ORTHANT_TRY(root.require("refused")).as_uint());
  state.truncated = ORTHANT_TRY(ORTHANT_TRY(root.require("truncated")).as_uint());
  return state;
}

}  // namespace

std::filesystem::path ingest_state_file(std::string_view file_sha256, std::string_view collection, std::string_view url) {
  const std::string key = sha256_hex(fmt::format("{}\n{}\n{}", file_sha256, collection, url));
  return orthant_home() / "ingest" / (key + ".json");
}

IngestState load_ingest_state(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return {};
  // A damaged file costs a second ingestion of the same documents, which changes nothing.
  return parse_state({std::istreambuf_iterator<char>(in), {}}).value_or(IngestState{});
}

Status save_ingest_state(const std::filesystem::path& file, const IngestState& state) {
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  const std::filesystem::path beside = file.string() + ".partial";
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.key("format").number(kFormat);
  json.key("acknowledged_line").number(state.acknowledged_line);
  json.key("accepted").number(state.accepted);
  json.key("refused").number(state.refused);
  json.key("truncated").number(state.truncated);
  json.end_object();
  std::ofstream out(beside, std::ios::binary | std::ios::trunc);
  out << text << '\n';
  out.close();
  if (!out) return io_error(beside.string() + ": cannot be written");
  std::filesystem::rename(beside, file, error);
  if (error) return io_error(fmt::format("{}: cannot be renamed: {}", beside.string(), error.message()));
  return {};
}

}  // namespace orthant
