#include "api/bulk/progress_lines.h"

#include <fmt/format.h>

#include "api/json/json_writer.h"
#include "base/parse_number.h"

namespace orthant::bulk {

Result<ProgressLines> ProgressLines::of(const Request& request) {
  ProgressLines lines;
  const auto every = request.query.find("progress");
  if (!every) return lines;
  lines.every_ = parse_number<std::uint64_t>(*every).value_or(0);
  if (lines.every_ > 0) return lines;
  return invalid_argument(fmt::format("progress: found '{}', expected a number of rows, at least 1", *every));
}

std::optional<std::string> ProgressLines::next_line(const IngestSummary& summary, std::optional<std::uint64_t> total_rows) {
  const std::uint64_t done = summary.accepted + summary.rejected;
  if (every_ == 0 || done / every_ == told_ / every_) return std::nullopt;
  told_ = done;
  std::string line;
  JsonWriter json(line);
  json.begin_object().key("progress").begin_object();
  json.key("rows").number(done).key("accepted").number(summary.accepted).key("rejected").number(summary.rejected);
  json.key("bytes").number(bytes_);
  if (total_rows) json.key("total_rows").number(*total_rows);
  json.key("seconds").number(std::chrono::duration<double>(Clock::now() - begin_).count());
  json.end_object().end_object();
  line += '\n';
  return line;
}

}  // namespace orthant::bulk
