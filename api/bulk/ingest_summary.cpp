#include "api/bulk/ingest_summary.h"

#include <algorithm>

#include "api/bulk/operation.h"

namespace orthant::bulk {

void IngestSummary::add_error(LineError error) {
  ++rejected;
  if (errors.size() < kMaxListedErrors) errors.push_back(std::move(error));
}

void IngestSummary::add_result(const std::vector<std::uint64_t>& lines, const WriteResult& result) {
  for (const RejectedPoint& point : result.rejected) add_error({lines[point.position], point.error.message});
  accepted += lines.size() - result.rejected.size();
  truncated += result.truncated.size();
  for (const std::size_t position : result.truncated) {
    if (truncated_lines.size() < kMaxListedTruncations) truncated_lines.push_back(lines[position]);
  }
  for (const auto& [model, count] : result.tokens_by_model) tokens_by_model[model] += count;
}

void write_summary(JsonWriter& json, IngestSummary summary) {
  std::ranges::sort(summary.errors, {}, &LineError::line);
  std::ranges::sort(summary.truncated_lines);
  json.begin_object().key("accepted").number(summary.accepted).key("rejected").number(summary.rejected);
  json.key("errors").begin_array();
  for (const LineError& error : summary.errors) {
    json.begin_object().key("line").number(error.line).key("reason").string(error.reason).end_object();
  }
  json.end_array().key("truncated").number(summary.truncated).key("truncated_lines").begin_array();
  for (const std::uint64_t line : summary.truncated_lines) json.number(line);
  json.end_array().key("replaced").number(summary.replaced);
  if (summary.operation) write_operation(json.key("operation"), summary.operation->first, summary.operation->second);
  json.end_object();
}

}  // namespace orthant::bulk
