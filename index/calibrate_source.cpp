#include "index/calibrate_source.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <limits>
#include <mutex>
#include <numeric>
#include <random>

#include "index/calibrate.h"
#include "index/sampled_queries.h"

namespace orthant {
namespace {

constexpr std::size_t kNeighbors = 10;
// One row in so many serves as a query, and moved a little as another: with 256 of them the recall of the same searches comes out
// .005 apart from sample to sample, a quarter of what a target of .98 allows.
constexpr std::size_t kRowsPerQuery = 256;
constexpr std::size_t kFewestQueries = 256;
constexpr std::size_t kMostQueries = 1'024;
constexpr double kTruthTarget = 0.999;
constexpr double kEffortStep = 1.3;
// Efforts nearer to each other than this are not told apart; beyond this target a step is not gone into, nor a cheaper way looked
// for, which would cost more than all lower targets together.
constexpr double kFinestStep = 1.06;
constexpr double kFineTargets = 0.99;
// Of the misses that a target allows, what the depths may miss. Shallow depths rescore few rows, but what they lose the source has
// to make up for: 499,000 titles reach .993 with the effort 556 at half of the misses, with less than half of that at a tenth. So
// deep ones come first, and shallower ones where rescoring is so large a share of the cost, or where only these keep the estimate.
constexpr std::array kSharesOfDepths = {0.1, 0.25, 0.5, 1.0};
constexpr std::array kSharesOfOwnCodes = {0.5, 0.25, 0.1, 1.0};  // of a source with codes of its own: the first that serve
constexpr double kDearRescoring = 0.3;
// Of a row that is rescored by int8, in rows of a 1-bit scan.
constexpr double kRescoredCost = 24;
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
  double rescoring = 0;  // the same of what comes after the source
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
    queries_ = ORTHANT_TRY(
        sample_queries(parts_, mask_, std::clamp<std::size_t>(covered_ / kRowsPerQuery, kFewestQueries, kMostQueries), random_));
    if (queries_.size() == 0 || scan_depths_.depths_for(kTruthTarget).first == FirstStage::kFloat) return {};
    ORTHANT_TRY(find_truth());
    if (parts_.source->has_own_codes()) find_gaps();
    std::size_t effort = parts_.source->smallest_effort();
    for (CalibratedDepths::Entry& entry : result.entries) {
      if (entry.target_recall > kTruthTarget) break;
      const Reached best = ORTHANT_TRY(cheapest(entry.target_recall, effort));
      entry.source = best.plan;
      if (entry.source.effort == 0) break;
      effort = entry.source.effort;
    }
    return {};
  }

 private:
  struct Reached {
    SourcePlan plan;  // no effort: it does not get there
    double rescoring = 0;
    double whole_cost = std::numeric_limits<double>::infinity();
  };
  static Reached reached_by(std::size_t effort, const StageDepths& depths, const Measured& measured) {
    return {{effort, measured.cost, depths}, measured.rescoring, measured.cost + measured.rescoring};
  }

  Result<Reached> cheapest(double target, std::size_t effort) const {
    if (parts_.source->has_own_codes()) return first_that_serves(target, effort);
    Reached best;
    for (const double share : kSharesOfDepths) {
      const StageDepths depths = depths_for(1 - (1 - target) * share);
      if (depths.first != FirstStage::kEstimate) continue;
      const Reached reached = ORTHANT_TRY(reach(target, depths, effort, best.whole_cost));
      if (reached.whole_cost < best.whole_cost) best = reached;
      // Shallower depths spare rescoring, and nothing else.
      if (best.plan.effort == 0 || target > kFineTargets || best.rescoring < kDearRescoring * best.whole_cost) break;
    }
    return best;
  }

  // The depths were found with the index's codes. A source with its own estimates better, and keeping the thousands that deep
  // depths ask for costs it more than reading further lists.
  Result<Reached> first_that_serves(double target, std::size_t effort) const {
    for (const double share : kSharesOfOwnCodes) {
      const StageDepths depths = depths_for(1 - (1 - target) * share);
      if (depths.first != FirstStage::kEstimate) continue;
      const Reached reached = ORTHANT_TRY(reach(target, depths, effort, std::numeric_limits<double>::infinity()));
      if (reached.plan.effort != 0) return reached;
    }
    return Reached{};
  }

  // From `effort` on upwards. Nothing when the source does not get there before it costs too much, or more than `known`.
  Result<Reached> reach(double target, const StageDepths& depths, std::size_t effort, double known) const {
    const double wanted = target + (1 - target) * parts_.source->spared_misses();
    std::size_t too_small = 0;  // 0: none was
    while (true) {
      const Measured measured = ORTHANT_TRY(try_effort(effort, depths, wanted));
      const Reached reached = reached_by(effort, depths, measured);
      if (measured.reached) {
        return too_small == 0 || target > kFineTargets ? reached : smallest_between(too_small, reached, wanted);
      }
      if (effort >= parts_.source->largest_effort() || measured.cost > largest_cost()) return Reached{};
      if (reached.whole_cost > known) return Reached{};
      too_small = effort;
      effort = std::max(effort + 1, static_cast<std::size_t>(static_cast<double>(effort) * kEffortStep));
      effort = std::min(effort, parts_.source->largest_effort());
    }
  }

  // A step may have gone past efforts that serve as well: halves it until the rest makes no difference.
  Result<Reached> smallest_between(std::size_t too_small, Reached enough, double wanted) const {
    SourcePlan& plan = enough.plan;
    while (plan.effort > too_small + 1 && static_cast<double>(plan.effort) > static_cast<double>(too_small) * kFinestStep) {
      const std::size_t middle = too_small + (plan.effort - too_small) / 2;
      const Measured measured = ORTHANT_TRY(try_effort(middle, plan.depths, wanted));
      if (measured.reached) {
        enough = reached_by(middle, StageDepths(plan.depths), measured);
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
    std::atomic<std::size_t> rescored = 0;
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
      if (trace.stages.size() > 1) rescored.fetch_add(trace.stages[1].compared);
      return {};
    }));
    std::erase(costs, -1);
    const auto asked = static_cast<double>(costs.size());
    return Measured{!failed(), std::accumulate(costs.begin(), costs.end(), 0.0) / asked,
                    kRescoredCost * static_cast<double>(rescored.load()) / asked};
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
    const PreparedQuery prepared = prepare_query(parts_.config.metric, parts_.quantizer, queries_.vector(query),
                                                 forms_for(plan, parts_.config), parts_.tables.int8_ranges());
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
