#include "index/calibrate_source.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <random>

#include "index/sampled_queries.h"

namespace orthant {
namespace {

constexpr std::size_t kNeighbors = 10;
constexpr std::size_t kSampledRows = 256;
constexpr double kTruthTarget = 0.999;
constexpr double kEffortStep = 1.3;
// Efforts nearer to each other than this are not told apart.
constexpr double kFinestStep = 1.06;
// Of the misses that a target allows, what the sample must keep unused for its own error, and what the depths may miss: the smaller
// shares where a source cannot make up for rows that shallow depths lost, all of them where only the shallowest depths keep the
// estimate.
constexpr double kSpared = 0.15;
constexpr std::array kSharesOfDepths = {0.5, 0.25, 0.1, 1.0};
// In scans of all rows.
constexpr double kLargestCostAskedFor = 20;

struct Measured {
  double recall = 0;  // the lower one of rows as they are and of moved rows
  double cost = 0;
};

class SourceCalibration {
 public:
  SourceCalibration(const IndexParts& parts, const CalibratedDepths& scan_depths, ThreadPool* pool)
      : parts_(parts),
        scan_depths_(scan_depths),
        pool_(pool),
        covered_(parts.source->covered_count()),
        mask_(parts.tables, nullptr, covered_) {}

  Status measure(CalibratedDepths& result) {
    result.covered_count = covered_;
    queries_ = ORTHANT_TRY(sample_queries(parts_, mask_, kSampledRows, random_));
    if (queries_.size() == 0 || scan_depths_.depths_for(kTruthTarget).first == FirstStage::kFloat) return {};
    ORTHANT_TRY(find_truth());
    std::size_t effort = parts_.source->smallest_effort();
    for (CalibratedDepths::Entry& entry : result.entries) {
      if (entry.target_recall > kTruthTarget) break;
      for (const double share : kSharesOfDepths) {
        entry.source = ORTHANT_TRY(reach(entry.target_recall, 1 - (1 - entry.target_recall) * share, effort));
        if (entry.source.effort != 0) break;
      }
      if (entry.source.effort == 0) break;
      effort = entry.source.effort;
    }
    return {};
  }

 private:
  // From `effort` on upwards. Nothing when the source does not get there before it costs too much.
  Result<SourcePlan> reach(double target, double target_of_depths, std::size_t effort) const {
    const StageDepths depths = scan_depths_.depths_for(target_of_depths);
    if (depths.first != FirstStage::kEstimate) return SourcePlan{};
    const double wanted = target + (1 - target) * kSpared;
    std::size_t too_small = 0;  // 0: none was
    while (true) {
      const Measured measured = ORTHANT_TRY(try_effort(effort, target_of_depths));
      const SourcePlan plan = {effort, measured.cost, depths};
      if (measured.recall >= wanted) return too_small == 0 ? plan : smallest_between(too_small, plan, wanted, target_of_depths);
      if (effort >= parts_.source->largest_effort() || measured.cost > largest_cost()) return SourcePlan{};
      too_small = effort;
      effort = std::max(effort + 1, static_cast<std::size_t>(static_cast<double>(effort) * kEffortStep));
      effort = std::min(effort, parts_.source->largest_effort());
    }
  }

  // A step may have gone past efforts that serve as well: halves it until the rest makes no difference.
  Result<SourcePlan> smallest_between(std::size_t too_small, SourcePlan enough, double wanted, double target_of_depths) const {
    while (enough.effort > too_small + 1 && static_cast<double>(enough.effort) > static_cast<double>(too_small) * kFinestStep) {
      const std::size_t middle = too_small + (enough.effort - too_small) / 2;
      const Measured measured = ORTHANT_TRY(try_effort(middle, target_of_depths));
      if (measured.recall >= wanted) {
        enough.effort = middle;
        enough.cost = measured.cost;
      } else {
        too_small = middle;
      }
    }
    return enough;
  }

  // A structure that was asked for serves even where a scan would be faster.
  double largest_cost() const {
    const bool asked_for = parts_.config.structure != IndexStructure::kAuto;
    return static_cast<double>(covered_) * (asked_for ? kLargestCostAskedFor : 1);
  }

  Status find_truth() {
    truth_.resize(queries_.size());
    return for_each_query([this](std::size_t query) -> Status {
      truth_[query] = ORTHANT_TRY(search(query, {.effort = 0, .target_recall = kTruthTarget}, nullptr));
      return {};
    });
  }

  Result<Measured> try_effort(std::size_t effort, double target_of_depths) const {
    std::vector<std::size_t> hits(queries_.size());
    std::vector<double> costs(queries_.size());
    ORTHANT_TRY(for_each_query([&](std::size_t query) -> Status {
      SearchTrace trace;
      const std::vector<Ordinal> found = ORTHANT_TRY(search(query, {.effort = effort, .target_recall = target_of_depths}, &trace));
      for (Ordinal ordinal : truth_[query]) hits[query] += std::ranges::count(found, ordinal) != 0 ? 1 : 0;
      const SearchTrace::Stage& first = trace.stages.front();
      costs[query] = parts_.source->cost({first.visited, first.compared});
      return {};
    }));
    Measured measured = {std::min(recall(hits, 0, hits.size() / 2), recall(hits, hits.size() / 2, hits.size())), 0};
    for (double cost : costs) measured.cost += cost / static_cast<double>(costs.size());
    return measured;
  }

  double recall(const std::vector<std::size_t>& hits, std::size_t first, std::size_t last) const {
    std::size_t found = 0;
    std::size_t wanted = 0;
    for (std::size_t query = first; query < last; ++query) {
      found += hits[query];
      wanted += truth_[query].size();
    }
    return wanted == 0 ? 1 : static_cast<double>(found) / static_cast<double>(wanted);
  }

  // The neighbours of a query but for the row that it was made from.
  Result<std::vector<Ordinal>> search(std::size_t query, SearchParams params, SearchTrace* trace) const {
    params.limit = kNeighbors + 1;
    const RescorePlan plan = ORTHANT_TRY(make_rescore_plan(
        parts_.config, params, scan_depths_, {.row_count = covered_, .eligible_count = mask_.count(), .covered_count = covered_}));
    const PreparedQuery prepared =
        prepare_query(parts_.config.metric, parts_.quantizer, queries_.vector(query), forms_for(plan, parts_.config));
    std::vector<Ordinal> found;
    for (const Candidate& candidate : ORTHANT_TRY(run_plan(parts_, plan, prepared, mask_, trace))) {
      if (candidate.ordinal != queries_.rows[query] && found.size() < kNeighbors) found.push_back(candidate.ordinal);
    }
    return found;
  }

  template <typename Work>
  Status for_each_query(const Work& work) const {
    std::mutex mutex;
    Status status;
    parallel_for(pool_, queries_.size(), 4, [&](std::size_t begin, std::size_t end) {
      for (std::size_t query = begin; query < end; ++query) {
        if (Status done = work(query); !done) {
          const std::lock_guard lock(mutex);
          status = done;
        }
      }
    });
    return status;
  }

  const IndexParts& parts_;
  const CalibratedDepths& scan_depths_;
  ThreadPool* pool_;
  const std::size_t covered_;
  const RowMask mask_;
  // A fixed seed: the same rows give the same efforts.
  std::mt19937_64 random_{20'261'121};
  SampledQueries queries_;
  std::vector<std::vector<Ordinal>> truth_;
};

}  // namespace

Status measure_source(const IndexParts& parts, CalibratedDepths& depths, ThreadPool* pool) {
  const CalibratedDepths scan_depths = depths;
  return SourceCalibration(parts, scan_depths, pool).measure(depths);
}

}  // namespace orthant
