#include "index/rescore_plan.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace orthant {
namespace {

// Depths are measured at limit 10; smaller limits keep the depth of 10, which is cheap and safe.
constexpr std::size_t kMeasuredLimit = 10;
// Hamming distance needs several times the depth of the estimate for the same recall (DESIGN section 6).
constexpr double kHammingDepthFactor = 4;
constexpr double kDefaultDecodedOversampling = 4;
// Costs a row, relative to a row of the 1-bit scan.
constexpr std::size_t kListedInt8Cost = 24;

std::size_t depth_of(std::size_t limit, double oversampling) {
  const double depth = static_cast<double>(std::max(limit, kMeasuredLimit)) * oversampling;
  return std::max(limit, static_cast<std::size_t>(std::min(std::ceil(depth), double{kNoOrdinal})));
}

std::size_t given_depth(std::size_t limit, double oversampling) {
  const double depth = std::ceil(static_cast<double>(limit) * oversampling);
  return std::max(limit, static_cast<std::size_t>(std::min(depth, double{kNoOrdinal})));
}

// A longer way through more rows: the effort that a source needs for the same recall grows slowly with their number.
constexpr double kEffortGrowth = 0.25;

// The rank of a neighbour in a coarse order falls as rows are added, slower than their number.
double growth(const CalibratedDepths& calibrated, std::size_t row_count) {
  if (calibrated.row_count == 0 || row_count <= calibrated.row_count) return 1;
  return std::sqrt(static_cast<double>(row_count) / static_cast<double>(calibrated.row_count));
}

double effort_growth(const CalibratedDepths& calibrated, std::size_t covered_count) {
  const double more_rows =
      static_cast<double>(covered_count) / static_cast<double>(std::max<std::size_t>(1, calibrated.covered_count));
  return std::max(1.0, std::pow(more_rows, kEffortGrowth));
}

class Planner {
 public:
  Planner(const IndexConfig& config, const SearchParams& params, const CalibratedDepths& calibrated, const PlanFacts& facts,
          PlanTrace* trace)
      : config_(config),
        params_(params),
        facts_(facts),
        trace_(trace),
        depths_(calibrated.depths_for(target())),
        source_(source_plan(calibrated)) {
    depths_.first_oversampling *= growth(calibrated, facts.row_count);
    if (trace_ != nullptr) note_facts(calibrated);
    if (source_is_worth_it()) {
      depths_ = source_.depths;
    } else {
      source_.effort = 0;
    }
  }

  Result<RescorePlan> plan() const {
    Result<RescorePlan> made = choose();
    if (trace_ != nullptr && made) note_plan(*made);
    return made;
  }

 private:
  Result<RescorePlan> choose() const {
    switch (config_.form) {
      case VectorForm::kUbinary: return plan_ubinary();
      case VectorForm::kInt8: return plan_int8();
      case VectorForm::kFloat32: break;
    }
    return params_.stages == SearchStages::kAuto ? plan_auto() : plan_named();
  }

  // ---- for "explain" ----
  void note_facts(const CalibratedDepths& calibrated) {
    trace_->target_recall = target();
    trace_->calibrated_target = calibrated.entry_for(target());
    trace_->calibrated_rows = calibrated.index_rows;
    trace_->row_count = facts_.row_count;
    trace_->eligible_count = facts_.eligible_count;
    trace_->covered_count = facts_.covered_count;
    trace_->scan_cost = static_cast<double>(facts_.row_count);
    trace_->listed_cost = static_cast<double>(facts_.eligible_count) * kListedInt8Cost;
    if (source_.effort != 0) trace_->source_cost = source_cost();
  }
  void note_plan(const RescorePlan& plan) const {
    trace_->effort = plan.effort;
    trace_->first_depth = plan.first_depth;
    trace_->int8_depth = plan.int8_depth;
    if (plan.first_margin != kNoMargin) trace_->first_margin = plan.first_margin;
    if (plan.int8_margin != kNoMargin) trace_->int8_margin = plan.int8_margin;
  }
  void because(std::string_view reason) const {
    if (trace_ != nullptr) trace_->reason = reason;
  }
  RescorePlan exact_because(std::string_view reason) const {
    because(reason);
    return exact();
  }
  std::string_view reason_of_source() const {
    if (params_.effort) return "this effort was asked for";
    const bool named = config_.structure == IndexStructure::kGraph || config_.structure == IndexStructure::kLists;
    if (named && trace_->source_cost >= trace_->scan_cost) return "the collection asks for this structure";
    if (forced() && trace_->source_cost >= trace_->scan_cost)
      return "codes are on disk, where all of them had better not be scanned";
    return "the structure costs less than a scan of all codes";
  }
  std::string_view reason_of_scan() const {
    if (params_.effort == 0) return "a scan was asked for";
    if (facts_.covered_count == 0) return "no graph and no lists: all codes are scanned";
    if (trace_->source_cost == 0) return "the structure does not reach the target: all codes are scanned";
    return "a scan of all codes costs less than the structure";
  }

  double target() const { return params_.target_recall.value_or(config_.target_recall); }

  // As measured, brought to the rows and the limit of this search. An effort of 0: no source.
  SourcePlan source_plan(const CalibratedDepths& calibrated) const {
    if (facts_.covered_count == 0 || config_.metric == Metric::kManhattan) return {};
    SourcePlan source = calibrated.source_plan_for(target());
    if (params_.effort) {
      if (source.effort == 0) source.depths = depths_;
      source.effort = *params_.effort == 0 ? 0 : std::max(*params_.effort, params_.limit);
      return source;
    }
    const double longer = static_cast<double>(std::max(params_.limit, kMeasuredLimit)) / kMeasuredLimit;
    const double factor = longer * effort_growth(calibrated, facts_.covered_count);
    source.effort = static_cast<std::size_t>(std::ceil(static_cast<double>(source.effort) * factor));
    source.cost *= factor;
    return source;
  }

  // Against the other ways: a scan of all rows, and scoring the eligible rows alone. Under a filter the source goes past rows that
  // it must not return, in proportion.
  bool source_is_worth_it() const {
    if (source_.effort == 0 || source_.depths.first != FirstStage::kEstimate) return false;
    if (params_.effort) return true;
    const auto rows = static_cast<double>(facts_.row_count);
    const auto eligible = static_cast<double>(facts_.eligible_count);
    const double cost = source_cost();
    return cost < eligible * kListedInt8Cost && (forced() || cost < rows);
  }

  // Rows that are not in memory had better not be scanned. A structure that was asked for serves while most rows may be returned;
  // under narrower filters it has to be the cheaper way (10 % of 499,000 rows: a walk 2.0 ms, a scan .8).
  bool forced() const {
    const bool named = config_.structure == IndexStructure::kGraph || config_.structure == IndexStructure::kLists;
    return config_.code_residency == CodeResidency::kDisk || (named && 2 * facts_.eligible_count >= facts_.row_count);
  }

  double source_cost() const {
    const auto rows = static_cast<double>(facts_.row_count);
    const auto eligible = static_cast<double>(facts_.eligible_count);
    return source_.cost * rows / std::max(eligible, 1.0) + (rows - static_cast<double>(facts_.covered_count));
  }

  RescorePlan make(FirstStage first, std::size_t first_depth, std::size_t int8_depth, LastStage last) const {
    return {.first = first,
            .first_depth = std::max(first_depth, params_.limit),
            .int8_depth = int8_depth,
            .last = last,
            .limit = params_.limit,
            .whole_depth = params_.oversampling.has_value()};
  }
  RescorePlan exact() const { return make(FirstStage::kFloat, params_.limit, 0, LastStage::kNone); }

  std::size_t first_depth(double factor) const {
    if (params_.oversampling) return given_depth(params_.limit, *params_.oversampling);
    return depth_of(params_.limit, depths_.first_oversampling * factor);
  }
  std::size_t int8_depth() const { return depth_of(params_.limit, depths_.int8_oversampling); }

  std::unexpected<Error> no_such_stages() const {
    return invalid_argument(fmt::format("stages {}: not for {} vectors under {}", search_stages_name(params_.stages),
                                        config_.form == VectorForm::kFloat32 ? "float32"
                                        : config_.form == VectorForm::kInt8  ? "int8"
                                                                             : "ubinary",
                                        metric_name(config_.metric)));
  }

  Result<RescorePlan> plan_ubinary() const {
    if (params_.stages != SearchStages::kAuto && params_.stages != SearchStages::kBinary) return no_such_stages();
    because("codes that users bring: all are scanned");
    return make(FirstStage::kHamming, params_.limit, 0, LastStage::kNone);
  }

  // The query keeps its precision in the last stage, so an exact search is one whose first stage drops nothing.
  Result<RescorePlan> plan_int8() const {
    const bool exact = params_.exact || params_.stages == SearchStages::kFloat32;
    const bool codes_only = params_.stages == SearchStages::kInt8 || (params_.rescore == false && !exact);
    if (!exact && params_.stages != SearchStages::kAuto && params_.stages != SearchStages::kInt8) return no_such_stages();
    because("codes that users bring: all are scanned");
    if (config_.metric == Metric::kManhattan || codes_only) return make(FirstStage::kInt8, params_.limit, 0, LastStage::kNone);
    const std::size_t depth = exact                  ? facts_.row_count
                              : params_.oversampling ? given_depth(params_.limit, *params_.oversampling)
                                                     : depth_of(params_.limit, kDefaultDecodedOversampling);
    return make(FirstStage::kInt8, depth, 0, LastStage::kDecoded);
  }

  Result<RescorePlan> plan_auto() const {
    if (params_.exact) return exact_because("exact search was asked for");
    const bool floats = params_.rescore.value_or(true);
    const LastStage last = floats ? LastStage::kFloat : LastStage::kNone;
    if (floats && facts_.exact_is_cheap) return exact_because("all floats are small and in memory");
    if (floats && depths_.first == FirstStage::kFloat) return exact_because("no codes reach the target");
    if (floats && facts_.eligible_count <= int8_depth()) {
      return exact_because("no more rows may be returned than floats would be read for");
    }
    const std::size_t depth = first_depth(1);
    if (depths_.first != FirstStage::kEstimate || config_.metric == Metric::kManhattan || few_are_eligible(depth)) {
      because(config_.metric == Metric::kManhattan     ? "1-bit codes do not estimate this metric: int8 codes are scanned"
              : depths_.first != FirstStage::kEstimate ? "1-bit codes do not reach the target: int8 codes are scanned"
                                                       : "few rows may be returned: their int8 codes are scored");
      RescorePlan plan = make(FirstStage::kInt8, floats ? int8_depth() : params_.limit, 0, last);
      plan.first_margin = depths_.int8_margin;
      return plan;
    }
    // A depth that the caller gives is gone through whole.
    RescorePlan plan =
        with_margins(make(FirstStage::kEstimate, depth, floats ? std::min(int8_depth(), depth) : params_.limit, last));
    plan.effort = source_.effort;
    if (trace_ != nullptr) because(plan.effort == 0 ? reason_of_scan() : reason_of_source());
    return plan;
  }

  // Scoring the eligible rows alone costs less than scanning all bits and rescoring the depth.
  bool few_are_eligible(std::size_t depth) const {
    if (source_.effort != 0) return false;
    return facts_.eligible_count <= depth || (facts_.eligible_count - depth) * kListedInt8Cost <= facts_.row_count;
  }

  Result<RescorePlan> plan_named() const {
    const std::size_t limit = params_.limit;
    because("these stages were asked for");
    if (config_.metric == Metric::kManhattan &&
        (params_.stages == SearchStages::kAsymmetric || params_.stages == SearchStages::kAsymmetricInt8Float)) {
      return no_such_stages();
    }
    const std::size_t hamming_depth = first_depth(kHammingDepthFactor);
    switch (params_.stages) {
      case SearchStages::kAuto:
      case SearchStages::kFloat32: break;
      case SearchStages::kInt8: return make(FirstStage::kInt8, limit, 0, LastStage::kNone);
      case SearchStages::kBinary: return make(FirstStage::kHamming, limit, 0, LastStage::kNone);
      case SearchStages::kAsymmetric: return make(FirstStage::kEstimate, limit, 0, LastStage::kNone);
      case SearchStages::kBinaryFloat: return make(FirstStage::kHamming, hamming_depth, 0, LastStage::kFloat);
      case SearchStages::kBinaryInt8: return make(FirstStage::kHamming, hamming_depth, limit, LastStage::kNone);
      case SearchStages::kBinaryInt8Float: return make(FirstStage::kHamming, hamming_depth, int8_depth(), LastStage::kFloat);
      case SearchStages::kAsymmetricInt8Float:
        return with_margins(make(FirstStage::kEstimate, first_depth(1), int8_depth(), LastStage::kFloat));
    }
    return exact();
  }

  // Margins that say how far estimates err, unless calibration found that they err too much.
  RescorePlan with_margins(RescorePlan plan) const {
    if (depths_.first != FirstStage::kEstimate) {
      plan.whole_depth = true;
      return plan;
    }
    if (!params_.oversampling) plan.first_margin = depths_.first_margin;
    plan.int8_margin = depths_.int8_margin;
    return plan;
  }

  const IndexConfig& config_;
  const SearchParams& params_;
  const PlanFacts& facts_;
  PlanTrace* const trace_;  // null: nobody asks
  StageDepths depths_;
  SourcePlan source_;
};

}  // namespace

std::string_view search_stages_name(SearchStages stages) {
  switch (stages) {
    case SearchStages::kAuto: return "auto";
    case SearchStages::kFloat32: return "float32";
    case SearchStages::kInt8: return "int8";
    case SearchStages::kBinary: return "binary";
    case SearchStages::kAsymmetric: return "asymmetric";
    case SearchStages::kBinaryFloat: return "binary+float";
    case SearchStages::kBinaryInt8: return "binary+int8";
    case SearchStages::kBinaryInt8Float: return "binary+int8+float";
    case SearchStages::kAsymmetricInt8Float: return "asymmetric+int8+float";
  }
  return "auto";
}

StageDepths CalibratedDepths::depths_for(double target_recall) const {
  if (target_recall >= 1) return {.first = FirstStage::kFloat};
  for (const Entry& entry : entries) {
    if (entry.target_recall >= target_recall) return entry.depths;
  }
  if (entries.empty())
    return target_recall > 0.995 ? StageDepths{.first_oversampling = 100, .int8_oversampling = 5} : StageDepths{};
  return {.first = FirstStage::kFloat};
}

SourcePlan CalibratedDepths::source_plan_for(double target_recall) const {
  for (const Entry& entry : entries) {
    if (entry.target_recall >= target_recall && entry.source.effort != 0) return entry.source;
  }
  return {};
}

std::optional<double> CalibratedDepths::entry_for(double target_recall) const {
  for (const Entry& entry : entries) {
    if (entry.target_recall >= target_recall) return entry.target_recall;
  }
  return std::nullopt;
}

std::size_t grown_effort(const CalibratedDepths& calibrated, const SourcePlan& plan, std::size_t covered_count) {
  return static_cast<std::size_t>(std::ceil(static_cast<double>(plan.effort) * effort_growth(calibrated, covered_count)));
}

Result<RescorePlan> make_rescore_plan(const IndexConfig& config, const SearchParams& params, const CalibratedDepths& calibrated,
                                      const PlanFacts& facts, PlanTrace* trace) {
  return Planner(config, params, calibrated, facts, trace).plan();
}

}  // namespace orthant
