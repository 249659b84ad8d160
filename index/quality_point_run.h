#pragma once
// PointRun: one point of a quality curve while it is measured: takes answers and times in, gives their means out. Private to index.
// One thread.

#include <cstddef>
#include <string_view>
#include <vector>

#include "index/quality.h"
#include "index/rescore_plan.h"

namespace orthant {

// "float32", "int8", "asymmetric", "binary"
std::string_view first_stage_name(FirstStage stage);

class PointRun {
 public:
  PointRun(const SearchParams& params, double target);

  const SearchParams& params() const { return params_; }
  double spent_microseconds() const { return spent_; }
  std::size_t asked() const { return shares_.size(); }

  // The share of the true neighbours that was found for the next query.
  void take_answer(double share, bool moved, const SearchTrace& trace, double cpu);
  // Times of query `position` of a round; the least of all rounds counts.
  void take_times(std::size_t position, double cpu, double wall);

  // Once, at the end.
  QualityPoint finish();

 private:
  void take_trace(const SearchTrace& trace);
  void take_first_stage(const SearchTrace::Stage& stage, const PlanTrace& plan);

  SearchParams params_;
  QualityPoint point_;
  std::vector<double> shares_;
  std::vector<double> rows_;
  std::vector<double> moved_;
  std::vector<double> cpu_;
  std::vector<double> wall_;
  double spent_ = 0;
};

}  // namespace orthant
