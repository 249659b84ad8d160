#include "index/search_run.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "base/log.h"
#include "index/candidates/flat_scan.h"
#include "index/kth_nearest.h"
#include "index/row_distances.h"
#include "index/top_k.h"
#include "index/trace_timer.h"

namespace orthant {
namespace {

// Rows read from the store at once by an exact search over few rows.
constexpr std::size_t kReadRows = 256;
// An exact search over floats on disk reads row by row when at most one in so many takes part, else it scans.
constexpr std::size_t kSparseFraction = 8;

// Queries that share a pass over the codes: their tables stay in the first-level cache.
constexpr std::size_t kQueriesAPass = 8;
// Candidates rescored before a bound decides about the others.
constexpr std::size_t kProbedCandidates = 48;
// Rows whose floats are read together before a bound decides about the others.
constexpr std::size_t kFewestFloats = 16;
// Before calibration has found margins: the epsilon of RaBitQ's bound, in standard errors of an estimate, and the same for int8.
// Near rows err 1.2 times as much as rows in general: 3 turned away one neighbour in 150 of 99,000 titles, 4 should one in 2,000.
constexpr float kErrorsOfEstimate = 4;
constexpr float kErrorsOfInt8 = 4;

std::size_t probed_count(const RescorePlan& plan) {
  return std::max(kProbedCandidates, 2 * plan.limit);
}

// Then the probed candidates come first.
bool scans_estimates(const RescorePlan& plan) {
  return plan.first == FirstStage::kEstimate && plan.effort == 0;
}

std::vector<Ordinal> ordinals_of(std::span<const Candidate> candidates) {
  std::vector<Ordinal> ordinals;
  ordinals.reserve(candidates.size());
  for (const Candidate& candidate : candidates) ordinals.push_back(candidate.ordinal);
  return ordinals;
}

template <typename Distances>
void rescore(std::span<Candidate> candidates, std::span<const Ordinal> ordinals, const Distances& distances) {
  std::array<float, kBlockRows> values;
  for (std::size_t first = 0; first < candidates.size(); first += kBlockRows) {
    const std::size_t count = std::min(kBlockRows, candidates.size() - first);
    distances.list(ordinals.subspan(first, count), values.data());
    for (std::size_t i = 0; i < count; ++i) candidates[first + i].distance = values[i];
  }
}

// Rows that are not in memory are asked for together.
template <typename Distances>
void rescore(std::span<Candidate> candidates, const Distances& distances) {
  const std::vector<Ordinal> ordinals = ordinals_of(candidates);
  if constexpr (requires { distances.cold(ordinals); }) {
    const auto cold = distances.cold(ordinals);
    rescore(candidates, ordinals, distances);
  } else {
    rescore(candidates, ordinals, distances);
  }
}

class PlanRun {
 public:
  PlanRun(const IndexParts& parts, const RescorePlan& plan, const PreparedQuery& query, const RowMask& mask, SearchTrace* trace)
      : parts_(parts), plan_(plan), query_(query), mask_(mask), trace_(trace), resident_(parts.tables.floats()) {}

  Result<std::vector<Candidate>> run() { return finish(ORTHANT_TRY(first_stage())); }

  // The stages after the first.
  Result<std::vector<Candidate>> finish(std::vector<Candidate> candidates) {
    if (plan_.int8_depth != 0) rescore_int8(candidates);
    if (plan_.last == LastStage::kDecoded) rescore_decoded(candidates);
    if (plan_.last == LastStage::kFloat) ORTHANT_TRY(rescore_floats(candidates));
    keep_nearest(candidates, plan_.limit);
    std::ranges::sort(candidates, nearer);
    return candidates;
  }

 private:
  Result<std::vector<Candidate>> first_stage() {
    TraceTimer timer(trace_, first_stage_name(), mask_.row_count());
    std::vector<Candidate> candidates = ORTHANT_TRY(scan());
    if (plan_.first == FirstStage::kInt8) cut_behind_limit(candidates, plan_.first_margin);
    if (trace_ != nullptr && candidates.size() < mask_.count()) note_bound(timer.stage(), candidates);
    timer.finish(candidates.size(), source_trace_);
    return candidates;
  }

  // For the trace alone.
  static void note_bound(SearchTrace::Stage& stage, const std::vector<Candidate>& handed_on) {
    const auto farthest = std::ranges::max_element(handed_on, nearer);
    if (farthest != handed_on.end()) stage.bound = farthest->distance;
  }

  std::string_view first_stage_name() const {
    switch (plan_.first) {
      case FirstStage::kFloat: return "float32";
      case FirstStage::kInt8: return "int8";
      case FirstStage::kEstimate: return plan_.effort == 0 ? "asymmetric" : parts_.source->name();
      case FirstStage::kHamming: return "binary";
    }
    return "float32";
  }

  Result<std::vector<Candidate>> scan() {
    const FlatScan flat(parts_.tables, parts_.kernels, mask_, query_, parts_.helpers);
    switch (plan_.first) {
      case FirstStage::kInt8: return flat.int8(plan_.first_depth);
      case FirstStage::kEstimate:
        return plan_.effort == 0 ? flat.estimates(plan_.first_depth, probed_count(plan_)) : find_and_scan_tail();
      case FirstStage::kHamming:
        return parts_.tables.bits() != nullptr ? flat.hamming(plan_.first_depth) : flat.row_major_hamming(plan_.first_depth);
      case FirstStage::kFloat: break;
    }
    if (resident_.rows() != nullptr) return flat.floats(*resident_.rows(), plan_.first_depth);
    if (mask_.count() * kSparseFraction <= mask_.row_count()) return read_allowed();
    return scan_stored();
  }

  // What the source finds among the rows that it covers, and the nearest of the others. Rows that it takes in between the two steps
  // may be in both.
  std::vector<Candidate> find_and_scan_tail() {
    const std::size_t covered = std::min<std::size_t>(parts_.source->covered_count(), mask_.row_count());
    const std::size_t depth = std::max(parts_.source->useful_depth(plan_.first_depth, plan_.effort), plan_.limit);
    std::vector<Candidate> found = parts_.source->candidates(query_, mask_, depth, plan_.effort, &source_trace_);
    if (covered == mask_.row_count()) return found;
    std::erase_if(found, [covered](const Candidate& candidate) { return candidate.ordinal >= covered; });
    const RowMask tail = mask_.tail(covered);
    const PreparedQuery with_tables = with_estimate_tables(query_);
    const std::vector<Candidate> scanned = FlatScan(parts_.tables, parts_.kernels, tail, with_tables).estimates(plan_.first_depth);
    found.insert(found.end(), scanned.begin(), scanned.end());
    keep_nearest(found, plan_.first_depth);
    return found;
  }

  Result<std::vector<Candidate>> scan_stored() {
    NearestCandidates nearest(plan_.first_depth);
    ORTHANT_TRY(parts_.stored->scan(0, static_cast<Ordinal>(mask_.row_count()), [&](Ordinal ordinal, std::span<const float> row) {
      if (!mask_.contains(ordinal)) return true;
      float distance = 0;
      float_distances(parts_.kernels, query_, row.data(), 1, &distance);
      nearest.offer({distance, ordinal});
      return true;
    }));
    return nearest.take();
  }

  Result<std::vector<Candidate>> read_allowed() {
    NearestCandidates nearest(plan_.first_depth);
    std::vector<Candidate> batch;
    const auto flush = [&]() -> Status {
      ORTHANT_TRY(read_distances(batch));
      for (const Candidate& candidate : batch) nearest.offer(candidate);
      batch.clear();
      return {};
    };
    Status status;
    mask_.for_each([&](Ordinal ordinal) {
      batch.push_back({0, ordinal});
      if (batch.size() == kReadRows && status) status = flush();
    });
    if (status) status = flush();
    ORTHANT_TRY(std::move(status));
    return nearest.take();
  }

  void rescore_int8(std::vector<Candidate>& candidates) {
    TraceTimer timer(trace_, "int8 rescoring", candidates.size());
    if (parts_.config.metric == Metric::kManhattan) {
      rescore(candidates, DecodedDistances(parts_.tables, parts_.kernels, query_));
    } else {
      timer.stage().entry_bound = rescore_until_bound(candidates, Int8Distances(parts_.tables, parts_.kernels, query_));
    }
    timer.stage().compared = candidates.size();
    cut_behind_limit(candidates, plan_.int8_margin);
    keep_nearest(candidates, plan_.int8_depth);
    if (candidates.size() < timer.stage().candidates_in) note_bound(timer.stage(), candidates);
    timer.finish(candidates.size());
  }

  float margin(float relative) const { return relative * std::sqrt(query_.squared_norm); }

  // Drops what lies more than the margin behind the limit-th nearest.
  void cut_behind_limit(std::vector<Candidate>& candidates, float relative_margin) const {
    if (relative_margin == kNoMargin || candidates.size() <= plan_.limit) return;
    drop_farther_than(distance_at_rank(candidates, plan_.limit) + margin(relative_margin), candidates);
  }

  // How far behind the limit-th nearest an estimate may lie that is worth a look: the calibrated margin, else RaBitQ's bound, for
  // which the distances of rows with errors of their own become lower bounds. Nothing where errors are not known.
  std::optional<float> reach_of_estimates(std::vector<Candidate>& candidates) const {
    if (plan_.first_margin != kNoMargin) return margin(plan_.first_margin);
    if (plan_.first != FirstStage::kEstimate || plan_.whole_depth || !parts_.quantizer->is_trained()) return std::nullopt;
    if (plan_.effort != 0 && parts_.source->has_own_codes()) return std::nullopt;
    const float slope = parts_.config.metric == Metric::kEuclid ? 2 : 1;
    const float error = kErrorsOfEstimate * slope * query_.code.error;
    const RowColumn* scales = parts_.tables.bit_scales();
    if (scales == nullptr) return error;
    for (Candidate& candidate : candidates) candidate.distance -= error * *scales->row_as<const float>(candidate.ordinal);
    return 0.0f;
  }

  // The nearest by the coarse distance first: their finer distances bound how far behind a candidate may lie to be worth it. Gives
  // that bound, or nothing where all were rescored. One that narrows on would look at a tenth fewer rows, which costs as much to
  // find out, and what it finds would hang on the order of the candidates.
  template <typename Distances>
  std::optional<float> rescore_until_bound(std::vector<Candidate>& candidates, const Distances& distances) const {
    const std::size_t probed = probed_count(plan_);
    const auto reach = candidates.size() <= probed ? std::nullopt : reach_of_estimates(candidates);
    if (!reach) {
      rescore(candidates, distances);
      return std::nullopt;
    }
    if (!scans_estimates(plan_) || plan_.first_margin == kNoMargin) lead_with_nearest(candidates, probed);
    const auto leaders = std::span(candidates).first(probed);
    rescore(leaders, distances);
    const float bound = distance_at_rank(leaders, plan_.limit) + *reach;
    drop_farther_than(bound, candidates, probed);
    rescore(std::span(candidates).subspan(probed), distances);
    return bound;
  }

  void rescore_decoded(std::vector<Candidate>& candidates) {
    TraceTimer timer(trace_, "float query rescoring", candidates.size());
    rescore(candidates, DecodedDistances(parts_.tables, parts_.kernels, query_));
    timer.stage().compared = candidates.size();
    timer.finish(std::min(plan_.limit, candidates.size()));
  }

  // The same of int8 distances. Values outside of a dimension's range, and Manhattan distances, err in ways that are not known.
  std::optional<float> reach_of_int8(std::vector<Candidate>& candidates) const {
    if (plan_.int8_depth == 0 && plan_.first != FirstStage::kInt8) return std::nullopt;
    if (plan_.int8_margin != kNoMargin) return margin(plan_.int8_margin);
    const Int8Distances distances(parts_.tables, parts_.kernels, query_);
    if (parts_.config.metric == Metric::kManhattan || !distances.knows_errors()) return std::nullopt;
    for (Candidate& candidate : candidates) candidate.distance -= kErrorsOfInt8 * distances.error(candidate.ordinal);
    return 0.0f;
  }

  // The nearest by int8 first; then those that the bound lets in still, twice as many each time: reads of the store are batches.
  Status rescore_floats(std::vector<Candidate>& candidates) {
    TraceTimer timer(trace_, "float rescoring", candidates.size());
    const std::size_t first = std::max(plan_.limit, kFewestFloats);
    const auto reach = candidates.size() <= first ? std::nullopt : reach_of_int8(candidates);
    std::vector<Candidate> rest = std::exchange(candidates, {});
    KthNearest nearest(plan_.limit);
    std::size_t read = 0;
    while (!rest.empty()) {
      const std::size_t count = std::min(rest.size(), reach ? std::max(first, read) : rest.size());
      lead_with_nearest(rest, count);
      const auto end = rest.begin() + static_cast<std::ptrdiff_t>(count);
      std::vector<Candidate> batch(rest.begin(), end);
      rest.erase(rest.begin(), end);
      ORTHANT_TRY(measure_floats(batch));
      read += count;
      nearest.offer(batch);
      candidates.insert(candidates.end(), batch.begin(), batch.end());
      if (!reach) break;
      timer.stage().entry_bound = nearest.distance() + *reach;
      drop_farther_than(*timer.stage().entry_bound, rest);
    }
    timer.stage().compared = read;
    timer.finish(std::min(plan_.limit, candidates.size()));
    return {};
  }

  Status measure_floats(std::vector<Candidate>& candidates) {
    if (resident_.rows() == nullptr) return read_distances(candidates);
    rescore(candidates, FloatDistances(*resident_.rows(), parts_.kernels, query_));
    return {};
  }

  // One batched read. When a row is gone, reads row by row and leaves out those that are.
  Status read_distances(std::vector<Candidate>& candidates) {
    const std::size_t dim = parts_.config.dim;
    const std::vector<Ordinal> ordinals = ordinals_of(candidates);
    std::vector<float> rows(ordinals.size() * dim);
    std::vector<float> distances(ordinals.size());
    const Status whole = parts_.stored->read(ordinals, rows);
    if (!whole && whole.error().code == ErrorCode::kDataCorruption) return read_one_by_one(candidates);
    if (!whole) return whole;
    float_distances(parts_.kernels, query_, rows.data(), ordinals.size(), distances.data());
    for (std::size_t i = 0; i < candidates.size(); ++i) candidates[i].distance = distances[i];
    return {};
  }

  Status read_one_by_one(std::vector<Candidate>& candidates) {
    std::vector<float> row(parts_.config.dim);
    std::vector<Candidate> kept;
    for (Candidate candidate : candidates) {
      const Status read = parts_.stored->read({&candidate.ordinal, 1}, row);
      if (!read && read.error().code != ErrorCode::kDataCorruption) return read;
      if (!read) {
        if (!parts_.tables.is_buried(candidate.ordinal)) log_warning("search leaves out a row: " + read.error().message);
        continue;
      }
      float_distances(parts_.kernels, query_, row.data(), 1, &candidate.distance);
      kept.push_back(candidate);
    }
    candidates = std::move(kept);
    return {};
  }

  const IndexParts& parts_;
  const RescorePlan& plan_;
  const PreparedQuery& query_;
  const RowMask& mask_;
  SearchTrace* trace_;
  SourceTrace source_trace_;
  ResidentFloats::Use resident_;
};

// Scores of bits alone: signs as +1 and -1 for the dot product, bits as 0 and 1 for distances.
float hamming_score(Metric metric, float dim, float differing) {
  switch (metric) {
    case Metric::kCosine: return 1 - 2 * differing / dim;
    case Metric::kDot: return dim - 2 * differing;
    case Metric::kEuclid: return std::sqrt(differing);
    case Metric::kManhattan: return differing;
  }
  return differing;
}

}  // namespace

QueryForms forms_for(const RescorePlan& plan, const IndexConfig& config) {
  QueryForms forms;
  // A source needs no look-up tables; what it does not cover yet is scanned with tables made then.
  forms.estimate = plan.first == FirstStage::kEstimate && plan.effort == 0;
  forms.weights = plan.first == FirstStage::kEstimate;
  forms.hamming = plan.first == FirstStage::kHamming && config.form == VectorForm::kFloat32;
  forms.bits = plan.first == FirstStage::kHamming && config.form == VectorForm::kUbinary;
  forms.int8 = plan.first == FirstStage::kInt8 || plan.int8_depth != 0;
  return forms;
}

Result<std::vector<Candidate>> run_plan(const IndexParts& parts, const RescorePlan& plan, const PreparedQuery& query,
                                        const RowMask& mask, SearchTrace* trace) {
  if (plan.limit == 0 || mask.row_count() == 0) return std::vector<Candidate>();
  return PlanRun(parts, plan, query, mask, trace).run();
}

Result<std::vector<std::vector<Candidate>>> run_plan_for_all(const IndexParts& parts, const RescorePlan& plan,
                                                             std::span<const PreparedQuery> queries, const RowMask& mask) {
  std::vector<std::vector<Candidate>> found;
  const bool shared = scans_estimates(plan) && plan.limit != 0 && mask.row_count() != 0;
  for (std::size_t first = 0; first < queries.size(); first += kQueriesAPass) {
    const auto pass = queries.subspan(first, std::min(kQueriesAPass, queries.size() - first));
    std::vector<std::vector<Candidate>> scanned;
    if (shared) {
      scanned = estimates_of_all(parts.tables, parts.kernels, mask, pass, plan.first_depth, probed_count(plan), parts.helpers);
    }
    for (std::size_t i = 0; i < pass.size(); ++i) {
      found.push_back(ORTHANT_TRY(shared ? PlanRun(parts, plan, pass[i], mask, nullptr).finish(std::move(scanned[i]))
                                         : run_plan(parts, plan, pass[i], mask, nullptr)));
    }
  }
  return found;
}

float score_of(const IndexConfig& config, const RescorePlan& plan, std::size_t code_dims, float distance) {
  const bool bits_only = plan.first == FirstStage::kHamming && plan.int8_depth == 0 && plan.last == LastStage::kNone;
  if (bits_only) return hamming_score(config.metric, static_cast<float>(code_dims), distance);
  switch (config.metric) {
    case Metric::kCosine:
    case Metric::kDot: return 0.0f - distance;  // never -0
    case Metric::kEuclid: return std::sqrt(std::max(distance, 0.0f));
    case Metric::kManhattan: break;
  }
  return distance;
}

}  // namespace orthant
