#include "index/calibrate_source.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <mutex>
#include <numeric>
#include <random>

#include "index/calibrate.h"
#include "index/sampled_queries.h"

namespace orthant {
namespace {

constexpr std::size_t kNeighbors = 10;
constexpr std::size_t kSampledRows = 256;
constexpr double kTruthTarget = 0.999;
constexpr double kEffortStep = 1.3;
// Efforts nearer to each other than this are not told apart; beyond this target a step is not gone into, which would cost more than
// all lower targets together.
constexpr double kFinestStep = 1.06;
constexpr double kFineTargets = 0.99;
// Of the misses that a target allows, what the depths may miss: the smaller shares where a source cannot make up for rows that
// shallow depths lost, all of them where only the shallowest depths keep the estimate.
constexpr std::array kSharesOfDepths = {0.5, 0.25, 0.1, 1.0};
// What is listed to see where a source with codes of its own puts neighbours: so many rows of so small a share of all it could
// read.
constexpr std::size_t kListed = 1'000;
constexpr std::size_t kShareOfEffort = 8;
// In scans of all rows. Of many rows in memory fewer: a target that takes milliseconds is served by a scan, and finding out that it
// is not reached costs more than all others together.
constexpr double kLargestCostAskedFor = 20;
constexpr double kLargestCostOfMany = 2;
constexpr double kManyRows = 100'000;

struct Measured {
  bool reached = false;  // by rows as they are and by moved rows
  double cost = 0;       // on average over the queries that were asked
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
    if (parts_.source->has_own_codes()) find_gaps();
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
    const StageDepths depths = depths_for(target_of_depths);
    if (depths.first != FirstStage::kEstimate) return SourcePlan{};
    const double wanted = target + (1 - target) * parts_.source->spared_misses();
    std::size_t too_small = 0;  // 0: none was
    while (true) {
      const Measured measured = ORTHANT_TRY(try_effort(effort, depths, wanted));
      const SourcePlan plan = {effort, measured.cost, depths};
      if (measured.reached) {
        return too_small == 0 || target > kFineTargets ? plan : smallest_between(too_small, plan, wanted);
      }
      if (effort >= parts_.source->largest_effort() || measured.cost > largest_cost()) return SourcePlan{};
      too_small = effort;
      effort = std::max(effort + 1, static_cast<std::size_t>(static_cast<double>(effort) * kEffortStep));
      effort = std::min(effort, parts_.source->largest_effort());
    }
  }

  // A step may have gone past efforts that serve as well: halves it until the rest makes no difference.
  Result<SourcePlan> smallest_between(std::size_t too_small, SourcePlan enough, double wanted) const {
    while (enough.effort > too_small + 1 && static_cast<double>(enough.effort) > static_cast<double>(too_small) * kFinestStep) {
      const std::size_t middle = too_small + (enough.effort - too_small) / 2;
      const Measured measured = ORTHANT_TRY(try_effort(middle, enough.depths, wanted));
      if (measured.reached) {
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
    const auto rows = static_cast<double>(covered_);
    if (parts_.config.structure == IndexStructure::kAuto) return rows;
    const double of_few = std::min(rows, kManyRows) * kLargestCostAskedFor;
    const bool on_disk = parts_.config.code_residency == CodeResidency::kDisk;
    return on_disk ? rows * kLargestCostAskedFor : std::max(of_few, rows * kLargestCostOfMany);
  }

  Status find_truth() {
    truth_.resize(queries_.size());
    return for_each_query([this](std::size_t query) -> Status {
      truth_[query] = ORTHANT_TRY(search(query, {.effort = 0, .target_recall = kTruthTarget}, scan_depths_, nullptr));
      return {};
    });
  }

  // How far behind the tenth true distance the source's own estimates put the neighbours that it meets: those that it does not meet
  // are for the effort to find.
  void find_gaps() {
    gaps_.resize(queries_.size());
    const std::size_t effort = std::max<std::size_t>(1, parts_.source->largest_effort() / kShareOfEffort);
    parallel_for(pool_, queries_.size(), 4, [&](std::size_t begin, std::size_t end) {
      for (std::size_t query = begin; query < end; ++query) gaps_[query].estimate = gaps_of(query, effort);
    });
  }

  CoarseGaps gaps_of(std::size_t query, std::size_t effort) const {
    const PreparedQuery prepared = prepare_query(parts_.config.metric, parts_.quantizer, queries_.vector(query), {.weights = true});
    const float norm = std::sqrt(prepared.squared_norm);
    CoarseGaps gaps;
    if (norm == 0 || truth_[query].empty()) return gaps;
    const float last = truth_[query].back().distance;
    for (const Candidate& candidate : parts_.source->candidates(prepared, mask_, kListed, effort, nullptr)) {
      if (candidate.ordinal == queries_.rows[query]) continue;
      gaps.listed.push_back((candidate.distance - last) / norm);
      if (std::ranges::find(truth_[query], candidate.ordinal, &Candidate::ordinal) != truth_[query].end()) {
        gaps.neighbors.push_back(gaps.listed.back());
      }
    }
    std::ranges::sort(gaps.listed);
    return gaps;
  }

  StageDepths depths_for(double target) const {
    const StageDepths depths = scan_depths_.depths_for(target);
    return gaps_.empty() || depths.first == FirstStage::kFloat ? depths : with_first_stage(depths, gaps_, target, covered_);
  }

  // Ends as soon as more neighbours were missed than the recall allows: most efforts that are tried are too small.
  Result<Measured> try_effort(std::size_t effort, const StageDepths& depths, double wanted) const {
    CalibratedDepths tried = scan_depths_;
    tried.entries = {{kTruthTarget, depths, {effort, 0, depths}}};
    const std::size_t half = queries_.size() / 2;
    const std::array<std::size_t, 2> allowed = {allowed_misses(0, half, wanted), allowed_misses(half, queries_.size(), wanted)};
    std::array<std::atomic<std::size_t>, 2> missed{};
    std::vector<double> costs(queries_.size(), -1);
    const auto failed = [&] { return missed[0].load() > allowed[0] || missed[1].load() > allowed[1]; };
    ORTHANT_TRY(for_each_query([&](std::size_t position) -> Status {
      if (failed()) return {};
      // Of both halves by turns.
      const std::size_t query = position % 2 * half + position / 2;
      SearchTrace trace;
      const std::vector<Candidate> found =
          ORTHANT_TRY(search(query, {.effort = effort, .target_recall = kTruthTarget}, tried, &trace));
      std::size_t absent = 0;
      for (const Candidate& neighbour : truth_[query]) {
        absent += std::ranges::find(found, neighbour.ordinal, &Candidate::ordinal) == found.end() ? 1 : 0;
      }
      missed[query / half].fetch_add(absent);
      const SearchTrace::Stage& first = trace.stages.front();
      costs[query] = parts_.source->cost({first.visited, first.compared});
      return {};
    }));
    std::erase(costs, -1);
    return Measured{!failed(), std::accumulate(costs.begin(), costs.end(), 0.0) / static_cast<double>(costs.size())};
  }

  std::size_t allowed_misses(std::size_t first, std::size_t last, double recall) const {
    std::size_t wanted = 0;
    for (std::size_t query = first; query < last; ++query) wanted += truth_[query].size();
    return static_cast<std::size_t>((1 - recall) * static_cast<double>(wanted) + 1e-9);
  }

  // The neighbours of a query but for the row that it was made from.
  Result<std::vector<Candidate>> search(std::size_t query, SearchParams params, const CalibratedDepths& calibrated,
                                        SearchTrace* trace) const {
    params.limit = kNeighbors + 1;
    const RescorePlan plan = ORTHANT_TRY(make_rescore_plan(
        parts_.config, params, calibrated, {.row_count = covered_, .eligible_count = mask_.count(), .covered_count = covered_}));
    const PreparedQuery prepared =
        prepare_query(parts_.config.metric, parts_.quantizer, queries_.vector(query), forms_for(plan, parts_.config));
    std::vector<Candidate> found;
    for (const Candidate& candidate : ORTHANT_TRY(run_plan(parts_, plan, prepared, mask_, trace))) {
      if (candidate.ordinal != queries_.rows[query] && found.size() < kNeighbors) found.push_back(candidate);
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
  std::vector<std::vector<Candidate>> truth_;  // ascending
  std::vector<QueryGaps> gaps_;                // of a source that has codes of its own
};

}  // namespace

Status measure_source(const IndexParts& parts, CalibratedDepths& depths, ThreadPool* pool) {
  const CalibratedDepths scan_depths = depths;
  return SourceCalibration(parts, scan_depths, pool).measure(depths);
}

}  // namespace orthant
