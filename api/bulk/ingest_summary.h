#pragma once
// IngestSummary: what became of the lines of one bulk upload. Lists are bounded, totals are not. Plain value.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/bulk/point_reader.h"
#include "api/json/json_writer.h"
#include "engine/requests.h"

namespace orthant::bulk {

struct IngestSummary {
  static constexpr std::size_t kMaxListedErrors = 1000;
  static constexpr std::size_t kMaxListedTruncations = 100;

  std::uint64_t accepted = 0;  // lines whose point is durable
  std::uint64_t rejected = 0;
  std::vector<LineError> errors;               // of the rejected, the first kMaxListedErrors
  std::uint64_t truncated = 0;                 // accepted lines whose text was longer than the model takes
  std::vector<std::uint64_t> truncated_lines;  // the first kMaxListedTruncations
  std::uint64_t replaced = 0;                  // accepted lines whose id was there before, or came before
  std::map<std::string, std::uint64_t> tokens_by_model;
  std::optional<std::pair<std::string, BulkProgress>> operation;  // as it stands at the end, with earlier streams

  void add_error(LineError error);
  // `lines` are those of the batch's points, in order.
  void add_result(const std::vector<std::uint64_t>& lines, const WriteResult& result);
};

// {"accepted", "rejected", "errors": [{"line", "reason"}], "truncated", "truncated_lines", "replaced"}, errors by line.
void write_summary(JsonWriter& json, IngestSummary summary);

}  // namespace orthant::bulk
