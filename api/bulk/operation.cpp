#include "api/bulk/operation.h"

#include <random>

#include <fmt/format.h>

#include "base/parse_number.h"

namespace orthant::bulk {
namespace {

constexpr std::uint64_t kMostLines = std::uint64_t{1} << 62;

std::string made_name() {
  std::random_device random;
  return fmt::format("op-{:08x}{:08x}{:08x}", random(), random(), random());
}

}  // namespace

Result<std::optional<Operation>> Operation::of(const Request& request) {
  const auto name = request.query.find("operation");
  const auto from = request.query.find("from");
  const auto more = request.query.find("more");
  if (more && *more != "true" && *more != "false") {
    return invalid_argument(fmt::format("more: found '{}', expected true or false", *more));
  }
  const bool has_more = more == "true";
  if (!name) {
    if (has_more) return invalid_argument("more: only a stream with ?operation= goes on in another request");
    if (from) return invalid_argument("from: only a stream with ?operation= can be resumed");
    return std::optional<Operation>();
  }
  std::uint64_t first = 1;
  if (from) {
    first = parse_number<std::uint64_t>(*from).value_or(0);
    if (first == 0 || first > kMostLines) {
      return invalid_argument(fmt::format("from: found '{}', expected the number of a line", *from));
    }
  }
  if (*name == "new") return std::optional<Operation>(Operation(made_name(), first, has_more));
  if (Status good = check_operation_name(*name); !good) return std::unexpected(good.error());
  return std::optional<Operation>(Operation(std::string(*name), first, has_more));
}

void Operation::prepare(DocumentBatch& batch, bool ends) {
  const std::uint64_t offset = first_line_ - 1;
  for (std::uint64_t& line : batch.lines) line += offset;
  for (LineError& error : batch.errors) error.line += offset;
  BulkPart part;
  part.operation = name_;
  part.ends = ends;
  const std::uint64_t last = batch.last_line == 0 ? next_line_ - 1 : batch.last_line + offset;
  part.lines = {next_line_, last};
  next_line_ = last + 1;
  for (const LineError& error : batch.errors) part.rejected_lines.push_back(error.line);
  // Before they are encoded; the writer looks again.
  std::size_t kept = 0;
  for (std::size_t i = 0; i < batch.points.size(); ++i) {
    if (before_.has(batch.lines[i])) continue;
    if (kept != i) batch.points[kept] = std::move(batch.points[i]);
    batch.lines[kept++] = batch.lines[i];
  }
  batch.points.resize(kept);
  batch.lines.resize(kept);
  part.point_lines = batch.lines;
  if (ends || part.lines.first <= part.lines.last) batch.part = std::move(part);
}

void write_operation(JsonWriter& json, std::string_view name, const BulkProgress& progress) {
  json.begin_object().key("id").string(name).key("next_line").number(progress.through() + 1);
  json.key("accepted").number(progress.accepted).key("rejected").number(progress.rejected);
  json.key("finished").boolean(progress.finished).key("updated_ms").number(progress.updated_ms);
  json.key("done").begin_array();
  for (const LineRange& range : progress.done) json.begin_array().number(range.first).number(range.last).end_array();
  json.end_array().end_object();
}

}  // namespace orthant::bulk
