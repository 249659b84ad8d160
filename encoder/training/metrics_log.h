#pragma once
// MetricsLog: OUTPUT/metrics.jsonl, one line a step and one an evaluation, written as they happen. A run that is taken up again
// drops what was written behind its checkpoint, so that each step stands there once. One thread at a time.

#include <cstdint>
#include <filesystem>
#include <fstream>

#include "base/result.h"
#include "encoder/training/trainer.h"

namespace orthant {

class MetricsLog {
 public:
  // Keeps the lines of steps up to `step`. io_error when it cannot be written.
  static Result<MetricsLog> open(const std::filesystem::path& file, std::uint64_t step);

  Status add(const StepReport& report);
  Status add(const EvaluationReport& report);

 private:
  MetricsLog(std::filesystem::path file, std::ofstream out) : file_(std::move(file)), out_(std::move(out)) {}
  Status write(const std::string& line);

  std::filesystem::path file_;
  std::ofstream out_;
};

}  // namespace orthant
