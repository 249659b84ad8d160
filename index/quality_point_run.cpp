#include "index/quality_point_run.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace orthant {
namespace {

constexpr double kTwoSided95 = 1.96;

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

}  // namespace

std::string_view first_stage_name(FirstStage stage) {
  switch (stage) {
    case FirstStage::kFloat: return "float32";
    case FirstStage::kInt8: return "int8";
    case FirstStage::kEstimate: return "asymmetric";
    case FirstStage::kHamming: return "binary";
  }
  return "float32";
}

PointRun::PointRun(const SearchParams& params, double target) : params_(params) {
  point_.target_recall = target;
  point_.stages = search_stages_name(params.stages);
}

void PointRun::take_answer(double share, bool moved, const SearchTrace& trace, double cpu) {
  shares_.push_back(share);
  (moved ? moved_ : rows_).push_back(share);
  take_trace(trace);
  spent_ += cpu;
}

void PointRun::take_times(std::size_t position, double cpu, double wall) {
  if (position == cpu_.size()) {
    cpu_.push_back(cpu);
    wall_.push_back(wall);
  }
  cpu_[position] = std::min(cpu_[position], cpu);
  wall_[position] = std::min(wall_[position], wall);
  spent_ += cpu;
}

QualityPoint PointRun::finish() {
  const auto count = static_cast<double>(std::max<std::size_t>(shares_.size(), 1));
  point_.queries = shares_.size();
  point_.recall = mean(shares_);
  point_.recall_of_rows = rows_.empty() ? point_.recall : mean(rows_);
  point_.recall_of_moved = moved_.empty() ? point_.recall : mean(moved_);
  double squares = 0;
  for (const double share : shares_) squares += (share - point_.recall) * (share - point_.recall);
  point_.recall_error = kTwoSided95 * std::sqrt(squares / count / std::max(count - 1, 1.0));
  point_.cpu_microseconds = mean(cpu_);
  point_.wall_microseconds = mean(wall_);
  for (double* sum : {&point_.visited, &point_.compared, &point_.rescored, &point_.with_floats}) *sum /= count;
  return std::move(point_);
}

void PointRun::take_trace(const SearchTrace& trace) {
  point_.effort = trace.plan.effort;
  point_.first_depth = trace.plan.first_depth;
  point_.int8_depth = trace.plan.int8_depth;
  for (std::size_t i = 0; i < trace.stages.size(); ++i) {
    const SearchTrace::Stage& stage = trace.stages[i];
    if (i == 0) {
      take_first_stage(stage, trace.plan);
    } else if (stage.name == "float rescoring") {
      point_.with_floats += static_cast<double>(stage.compared);
    } else {
      point_.rescored += static_cast<double>(stage.compared);
    }
  }
}

void PointRun::take_first_stage(const SearchTrace::Stage& stage, const PlanTrace& plan) {
  const bool exact = stage.name == first_stage_name(FirstStage::kFloat);
  point_.first_stage = stage.name;
  point_.structure = exact ? "exact" : plan.effort == 0 ? "flat" : stage.name;
  point_.visited += static_cast<double>(stage.visited);
  point_.compared += static_cast<double>(stage.compared);
  if (exact) point_.with_floats += static_cast<double>(plan.eligible_count);
}

}  // namespace orthant
