#pragma once
// TraceTimer: one stage of a search on its way into the search's trace. One thread.

#include <chrono>
#include <string_view>
#include <utility>

#include "index/candidates/candidate_source.h"
#include "index/vector_index.h"

namespace orthant {

// Adds what happened since its construction to the trace; does nothing without one.
class TraceTimer {
 public:
  TraceTimer(SearchTrace* trace, std::string_view name, std::size_t candidates_in) : trace_(trace) {
    if (trace_ == nullptr) return;
    stage_.name = name;
    stage_.candidates_in = candidates_in;
    begin_ = Clock::now();
  }
  // For the trace alone.
  SearchTrace::Stage& stage() { return stage_; }
  void finish(std::size_t candidates_out, const SourceTrace& source = {}) {
    if (trace_ == nullptr) return;
    stage_.visited = source.visited;
    if (source.compared != 0) stage_.compared = source.compared;
    stage_.candidates_out = candidates_out;
    stage_.microseconds = std::chrono::duration<double, std::micro>(Clock::now() - begin_).count();
    trace_->stages.push_back(std::move(stage_));
  }

 private:
  using Clock = std::chrono::steady_clock;

  SearchTrace* trace_;
  SearchTrace::Stage stage_;
  Clock::time_point begin_;
};

}  // namespace orthant
