#include "engine/collection/stage_timer.h"

#include <array>

#include "base/metrics.h"

namespace orthant {
namespace {

// A search of codes in memory takes tens of microseconds.
constexpr std::array kSecondsBuckets = {1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3,
                                        1e-2, 2.5e-2, 5e-2, 0.1,  0.25,   0.5,  1.0,  2.5,    10.0};

Histogram& seconds_of(std::string_view labels) {
  return histogram("orthant_query_stage_seconds", "Time of the stages of queries.", kSecondsBuckets, labels);
}

Histogram& seconds_of(TimedStage stage) {
  static const std::array kHistograms = {&seconds_of(R"(stage="encode")"), &seconds_of(R"(stage="filter")"),
                                         &seconds_of(R"(stage="search")"), &seconds_of(R"(stage="records")"),
                                         &seconds_of(R"(stage="rerank")")};
  return *kHistograms[static_cast<std::size_t>(stage)];
}

}  // namespace

double StageTimer::stop() const {
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin_;
  seconds_of(stage_).observe(taken.count());
  return taken.count() * 1e6;
}

}  // namespace orthant
