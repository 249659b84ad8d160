#pragma once
// ProgressLines: what a bulk upload tells while it runs, where its client asks for it (?progress=ROWS): a line of JSON whenever so
// many rows more are done, before the usual answer, which is the last line. One thread at a time.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/bulk/ingest_summary.h"
#include "api/http/message.h"
#include "base/result.h"

namespace orthant::bulk {

inline constexpr std::string_view kNdjsonType = "application/x-ndjson";

class ProgressLines {
 public:
  // invalid_argument names the parameter.
  static Result<ProgressLines> of(const Request& request);

  // Of the body, as they came.
  void add_bytes(std::size_t count) { bytes_ += count; }
  // Nothing: not enough rows are done since the last one, or nobody asked.
  std::optional<std::string> next_line(const IngestSummary& summary, std::optional<std::uint64_t> total_rows);
  // Nobody reads them.
  void stop() { every_ = 0; }

 private:
  using Clock = std::chrono::steady_clock;

  std::uint64_t every_ = 0;  // rows; 0: no lines
  std::uint64_t told_ = 0;   // rows that the last line told of
  std::uint64_t bytes_ = 0;
  Clock::time_point begin_ = Clock::now();
};

}  // namespace orthant::bulk
