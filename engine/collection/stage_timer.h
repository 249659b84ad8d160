#pragma once
// StageTimer: how long one stage of a query took, for /metrics (`orthant_query_stage_seconds`) and for explanations.

#include <chrono>

namespace orthant {

// Encoding waits for the model's queue and covers all texts of the call; search is the index's work, all its stages; records reads
// the winners' ids, payloads and vectors.
enum class TimedStage { kEncode, kFilter, kSearch, kRecords, kRerank };

// Runs from its construction. One thread at a time.
class StageTimer {
 public:
  explicit StageTimer(TimedStage stage) : stage_(stage) {}
  // Counts the time, and gives it in microseconds.
  double stop() const;

 private:
  TimedStage stage_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace orthant
