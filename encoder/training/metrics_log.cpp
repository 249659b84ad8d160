#include "encoder/training/metrics_log.h"

#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <simdjson.h>

#include "base/whole_file.h"

namespace orthant {
namespace {

// A line that was cut off in the middle is no line.
std::string lines_up_to(const std::string& content, std::uint64_t step) {
  simdjson::dom::parser parser;
  std::string kept;
  std::size_t start = 0;
  while (true) {
    const std::size_t end = content.find('\n', start);
    if (end == std::string::npos) return kept;
    const std::string line = content.substr(start, end - start);
    std::uint64_t of_line = 0;
    simdjson::dom::element root;
    const bool read =
        parser.parse(line).get(root) == simdjson::SUCCESS && root["step"].get_uint64().get(of_line) == simdjson::SUCCESS;
    if (read && of_line <= step) kept += line + '\n';
    start = end + 1;
  }
}

}  // namespace

Result<MetricsLog> MetricsLog::open(const std::filesystem::path& file, std::uint64_t step) {
  std::string kept;
  std::error_code ignored;
  // Of step 0 there may be an evaluation: a run from the start writes it again.
  if (step > 0 && std::filesystem::exists(file, ignored)) kept = lines_up_to(ORTHANT_TRY(read_whole_file(file)), step);
  ORTHANT_TRY(write_whole_file(file, kept));
  std::ofstream out(file, std::ios::binary | std::ios::app);
  if (!out) return io_error(fmt::format("{}: cannot be written", file.string()));
  return MetricsLog(file, std::move(out));
}

Status MetricsLog::add(const StepReport& report) {
  return write(fmt::format(
      "{{\"step\": {}, \"loss\": {:.6g}, \"rate\": {:.4g}, \"gradient_norm\": {:.4g}, \"tokens\": {}, \"seconds\": {:.3f}}}\n",
      report.step, report.loss, report.rate, report.gradient_norm, report.tokens, report.seconds));
}

Status MetricsLog::add(const EvaluationReport& report) {
  return write(fmt::format("{{\"step\": {}, \"float\": {:.6f}, \"int8\": {:.6f}, \"binary\": {:.6f}, \"best\": {}}}\n", report.step,
                           report.scores.float_search, report.scores.int8_search, report.scores.binary_search, report.best));
}

Status MetricsLog::write(const std::string& line) {
  out_ << line << std::flush;
  if (!out_) return io_error(fmt::format("{}: cannot be written", file_.string()));
  return {};
}

}  // namespace orthant
