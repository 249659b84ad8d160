#include "index/quality_measurement.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <ctime>
#include <limits>
#include <random>

#include <fmt/format.h>

#include "base/float_values.h"
#include "index/quality_point_run.h"
#include "index/row_distances.h"
#include "index/sampled_queries.h"
#include "index/top_k.h"
#include "index/training_sample.h"

namespace orthant {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kNeighbors = 10;
constexpr std::size_t kFewestRows = 100;
constexpr std::array kTargets = {0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999};
constexpr std::chrono::milliseconds kPiece{4};
// Distances between two looks at the clock: some milliseconds.
constexpr std::size_t kComparisonsAtOnce = 100'000;
constexpr std::size_t kTimedQueries = 64;
constexpr std::size_t kTimedRounds = 3;
// A point may take so many times its share of the time, so that what cheap points leave serves dear ones.
constexpr double kLargestShare = 3;
// Exact searches that read more bytes from the store are left out of the curve: they are what codes are there to avoid. Of those
// that are in it a few queries tell the time, and the recall is no question.
constexpr std::size_t kLargestExactBytes = std::size_t{256} << 20;
constexpr std::size_t kExactQueries = 10;
// Of a form that ranks alone: its scan of all rows is dear, and its recall far from one.
constexpr std::size_t kFormQueries = 60;
constexpr std::array kForms = {SearchStages::kInt8, SearchStages::kAsymmetric, SearchStages::kBinary, SearchStages::kBinaryInt8,
                               SearchStages::kAsymmetricInt8Float};
// Two ways to compute a dot product in floats differ by less, relative to the norm of the query.
constexpr float kRounding = 1e-5f;

double thread_cpu_microseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

// The metric's distance of a row whose score users see.
float distance_of(Metric metric, float score) {
  switch (metric) {
    case Metric::kCosine:
    case Metric::kDot: return -score;
    case Metric::kEuclid: return score * score;
    case Metric::kManhattan: break;
  }
  return score;
}

std::optional<float> known(float margin) {
  return margin == kNoMargin ? std::nullopt : std::optional<float>(margin);
}

class Measurement final : public QualityMeasurement {
 public:
  Measurement(const VectorIndex& index, const IndexParts& parts, const IndexSource& source, const CalibratedDepths& depths,
              QualityRequest request)
      : index_(index),
        parts_(parts),
        source_(source),
        depths_(depths),
        request_(std::move(request)),
        row_count_(parts.tables.row_count()),
        mask_(parts.tables, nullptr, row_count_),
        random_(request_.seed) {}

  Status start(std::optional<std::size_t> trained_rows) {
    describe(trained_rows);
    if (!request_.given_queries.empty()) return take_given();
    if (parts_.config.form != VectorForm::kFloat32) {
      result_.why_not = "the vectors are ready codes: there are no floats to compare with";
    } else if (result_.live_rows < kFewestRows) {
      result_.why_not = fmt::format("{} rows: at least {} are needed", result_.live_rows, kFewestRows);
    } else {
      phase_ = Phase::kSample;
    }
    return {};
  }

  Result<bool> advance() override {
    const double begin = thread_cpu_microseconds();
    const auto end = Clock::now() + kPiece;
    Result<bool> finished = phase_ == Phase::kDone;
    while (finished && !*finished && Clock::now() < end) finished = step();
    result_.cpu_seconds += (thread_cpu_microseconds() - begin) / 1e6;
    return finished;
  }

  IndexQuality take() override { return std::move(result_); }

 private:
  enum class Phase { kSample, kTruth, kPlan, kAnswers, kTimes, kDone };

  Result<bool> step() {
    switch (phase_) {
      case Phase::kSample: ORTHANT_TRY(sample()); break;
      case Phase::kTruth: ORTHANT_TRY(compare_rows()); break;
      case Phase::kPlan: plan_points(); break;
      case Phase::kAnswers: ORTHANT_TRY(ask_next()); break;
      case Phase::kTimes: ORTHANT_TRY(time_next()); break;
      case Phase::kDone: break;
    }
    return phase_ == Phase::kDone;
  }

  // ---- what the index is ----

  void describe(std::optional<std::size_t> trained_rows) {
    result_.config = parts_.config;
    result_.rows = row_count_;
    result_.live_rows = mask_.count();
    result_.structure = source_.get() == nullptr ? "flat" : std::string(source_.get()->name());
    result_.structure_rows = source_.get() == nullptr ? row_count_ : source_.get()->covered_count();
    result_.memory = index_.memory();
    result_.codes.quantizer = index_.quantizer_name();
    result_.codes.bits = parts_.config.code_bits;
    result_.codes.trained = parts_.quantizer != nullptr && parts_.quantizer->is_trained();
    if (result_.codes.trained) result_.codes.trained_rows = trained_rows;
    result_.calibrated_rows = depths_.index_rows;
    for (const CalibratedDepths::Entry& entry : depths_.entries) {
      result_.calibration.push_back({.target_recall = entry.target_recall,
                                     .first_stage = std::string(first_stage_name(entry.depths.first)),
                                     .first_oversampling = entry.depths.first_oversampling,
                                     .int8_oversampling = entry.depths.int8_oversampling,
                                     .first_margin = known(entry.depths.first_margin),
                                     .int8_margin = known(entry.depths.int8_margin),
                                     .effort = entry.source.effort,
                                     .effort_cost = entry.source.cost});
    }
  }

  void measure_codes(std::span<const float> rows) {
    if (parts_.quantizer == nullptr || parts_.config.metric == Metric::kManhattan) return;
    const CodeError error = code_error(*parts_.quantizer, rows, parts_.config.dim);
    if (error.relative == 0) return;
    result_.codes.error = error.relative;
    result_.codes.error_ratio = error.ratio;
  }

  // ---- queries ----

  Status take_given() {
    const std::size_t dim = parts_.config.dim;
    const std::vector<float>& given = request_.given_queries;
    if (parts_.config.form != VectorForm::kFloat32) {
      return invalid_argument("queries: the vectors are ready codes, there are no floats to compare with");
    }
    if (given.size() % dim != 0) return invalid_argument(fmt::format("queries: {} values, expected rows of {}", given.size(), dim));
    if (!all_finite(given)) {
      return invalid_argument("queries: a vector holds a value that is not finite");
    }
    const std::size_t count = given.size() / dim;
    const std::size_t most = kGivenComparisons / std::max<std::size_t>(1, result_.live_rows);
    if (count > most)
      return invalid_argument(fmt::format("queries: {}, at most {} against {} rows", count, most, result_.live_rows));
    queries_.vectors = given;
    queries_.rows.assign(count, kNoOrdinal);
    if (parts_.config.metric == Metric::kCosine) {
      for (std::size_t i = 0; i < count; ++i) normalize(std::span(queries_.vectors).subspan(i * dim, dim));
    }
    begin_truth();
    return {};
  }

  Status sample() {
    const std::size_t most = kQualityComparisons / 2 / std::max<std::size_t>(1, result_.live_rows);
    const std::size_t wanted = std::clamp(std::min(request_.sampled_rows, most), kSmallestQualitySample, kLargestQualitySample);
    queries_ = ORTHANT_TRY(sample_queries(parts_, mask_, wanted, random_));
    if (queries_.size() == 0) {
      result_.why_not = "no row could be read";
      phase_ = Phase::kDone;
      return {};
    }
    measure_codes(std::span(queries_.vectors).first(queries_.vectors.size() / 2));
    begin_truth();
    return {};
  }

  bool is_moved(std::size_t query) const { return query >= queries_.size() / 2; }

  // ---- the truth ----

  void begin_truth() {
    for (std::size_t i = 0; i < queries_.size(); ++i) nearest_.emplace_back(kNeighbors);
    distances_.resize(queries_.size());
    reversed_.metric = parts_.config.metric;
    phase_ = Phase::kTruth;
  }

  // The next rows, each compared with all queries as if they were the rows.
  Status compare_rows() {
    const std::size_t end = std::min(row_count_, next_row_ + std::max<std::size_t>(64, kComparisonsAtOnce / queries_.size()));
    const ResidentFloats::Use resident(parts_.tables.floats());
    if (resident.rows() == nullptr) {
      ORTHANT_TRY(parts_.stored->scan(static_cast<Ordinal>(next_row_), static_cast<Ordinal>(end),
                                      [this](Ordinal ordinal, std::span<const float> row) {
                                        if (mask_.contains(ordinal)) compare(ordinal, row);
                                        return true;
                                      }));
    }
    for (std::size_t row = next_row_; resident.rows() != nullptr && row < end; ++row) {
      const auto ordinal = static_cast<Ordinal>(row);
      if (mask_.contains(ordinal)) compare(ordinal, {resident.rows()->row_as<const float>(row), parts_.config.dim});
    }
    next_row_ = end;
    if (next_row_ == row_count_) finish_truth();
    return {};
  }

  void compare(Ordinal ordinal, std::span<const float> row) {
    reversed_.floats.assign(row.begin(), row.end());
    float_distances(parts_.kernels, reversed_, queries_.vectors.data(), queries_.size(), distances_.data());
    for (std::size_t i = 0; i < queries_.size(); ++i) {
      if (queries_.rows[i] != ordinal) nearest_[i].offer({distances_[i], ordinal});
    }
  }

  void finish_truth() {
    for (NearestCandidates& nearest : nearest_) {
      truth_.push_back(nearest.take());
      std::ranges::sort(truth_.back(), nearer);
    }
    nearest_.clear();
    phase_ = Phase::kPlan;
  }

  // ---- the points ----

  void plan_points() {
    points_.emplace_back(SearchParams{}, parts_.config.target_recall);
    const bool given = !request_.given_queries.empty();
    if (given) {
      write_exact_rankings();
    } else {
      plan_curve();
    }
    // Every second sampled query is a moved one, so that a point that runs out of time has both.
    const std::size_t half = queries_.size() / 2;
    for (std::size_t i = 0; i < queries_.size(); ++i) order_.push_back(given ? i : i / 2 + (i % 2 == 1 ? half : 0));
    phase_ = Phase::kAnswers;
  }

  void plan_curve() {
    for (const double target : kTargets) {
      if (index_is_exact() || depths_.depths_for(target).first == FirstStage::kFloat) continue;
      SearchParams params;
      params.target_recall = target;
      params.effort = 0;
      points_.emplace_back(params, target);
    }
    for (const double target : kTargets) {
      const SourcePlan plan = index_is_exact() || source_.get() == nullptr ? SourcePlan() : depths_.source_plan_for(target);
      if (plan.effort == 0) continue;
      SearchParams params;
      params.target_recall = target;
      params.effort = grown_effort(depths_, plan, source_.get()->covered_count());
      points_.emplace_back(params, target);
    }
    if (exact_is_affordable()) {
      SearchParams params;
      params.exact = true;
      points_.emplace_back(params, 1.0);
    }
    plan_forms();
  }

  void plan_forms() {
    if (index_is_exact() || parts_.quantizer == nullptr || parts_.config.metric == Metric::kManhattan) return;
    // Bits of a trained quantizer are not worth the same: their Hamming distance is nobody's choice.
    const bool equal_bits = index_.quantizer_name() == "sign";
    for (const SearchStages stages : kForms) {
      if (!equal_bits && (stages == SearchStages::kBinary || stages == SearchStages::kBinaryInt8)) continue;
      SearchParams params;
      params.stages = stages;
      points_.emplace_back(params, parts_.config.target_recall);
    }
  }

  bool index_is_exact() const {
    return parts_.tables.floats().kept() && row_count_ * parts_.config.dim * sizeof(float) < parts_.config.exact_below_bytes;
  }
  bool exact_is_affordable() const {
    return parts_.tables.floats().kept() || row_count_ * parts_.config.dim * sizeof(float) <= kLargestExactBytes;
  }

  double largest_spend() const {
    const double left = request_.max_search_seconds * 1e6 - spent_microseconds_;
    return std::min(left, left * kLargestShare / static_cast<double>(points_.size() - current_));
  }

  bool is_out_of_time() const { return points_[current_].spent_microseconds() > largest_spend(); }

  // ---- recall ----

  Status ask_next() {
    PointRun& point = points_[current_];
    const std::size_t query = order_[point.asked()];
    const bool given = queries_.rows[query] == kNoOrdinal;
    SearchParams params = point.params();
    params.limit = kNeighbors + (given ? 0 : 1);  // the row that the query was made from is one of them
    SearchTrace trace;
    const double begin = thread_cpu_microseconds();
    std::vector<ScoredOrdinal> found = ORTHANT_TRY(index_.search(queries_.vector(query), params, &trace));
    const double cpu = thread_cpu_microseconds() - begin;
    if (!given) std::erase_if(found, [&](const ScoredOrdinal& hit) { return hit.ordinal == queries_.rows[query]; });
    if (found.size() > kNeighbors) found.resize(kNeighbors);
    if (given) keep_ranking(found);
    const bool float_scores = params.stages == SearchStages::kAuto || params.stages == SearchStages::kAsymmetricInt8Float;
    point.take_answer(share_found(query, found, float_scores), is_moved(query), trace, cpu);
    const bool late = !given && is_out_of_time();
    if (late) result_.complete = false;
    const std::size_t wanted = std::min(wanted_queries(params), order_.size());
    if (late || point.asked() >= wanted) {
      timed_ = 0;
      phase_ = Phase::kTimes;
    }
    return {};
  }

  std::size_t wanted_queries(const SearchParams& params) const {
    if (params.exact) return kExactQueries;
    return params.stages == SearchStages::kAuto ? order_.size() : kFormQueries;
  }

  // A row that is gone meanwhile is not looked for; one that is as near as the last of the truth is as good, where the scores are
  // those of floats and can tell.
  double share_found(std::size_t query, const std::vector<ScoredOrdinal>& found, bool float_scores) const {
    std::vector<Candidate> wanted = truth_[query];
    std::erase_if(wanted, [this](const Candidate& candidate) { return parts_.tables.is_buried(candidate.ordinal); });
    if (wanted.empty()) return 1;
    float norm = 0;
    for (const float value : queries_.vector(query)) norm += value * value;
    const float last = wanted.back().distance;
    const float bound = last + kRounding * std::max(std::sqrt(norm), std::fabs(last));
    std::size_t hits = 0;
    for (const ScoredOrdinal& hit : found) {
      hits += float_scores ? distance_of(parts_.config.metric, hit.score) <= bound
                           : std::ranges::find(wanted, hit.ordinal, &Candidate::ordinal) != wanted.end();
    }
    return static_cast<double>(std::min(hits, wanted.size())) / static_cast<double>(wanted.size());
  }

  void write_exact_rankings() {
    for (const std::vector<Candidate>& truth : truth_) {
      std::vector<Ordinal>& ranking = result_.exact_rankings.emplace_back();
      for (const Candidate& candidate : truth) ranking.push_back(candidate.ordinal);
    }
  }
  void keep_ranking(const std::vector<ScoredOrdinal>& found) {
    std::vector<Ordinal>& ranking = result_.served_rankings.emplace_back();
    for (const ScoredOrdinal& hit : found) ranking.push_back(hit.ordinal);
  }

  // ---- times ----

  Status time_next() {
    PointRun& point = points_[current_];
    const std::size_t count = std::min(kTimedQueries, point.asked());
    SearchParams params = point.params();
    params.limit = kNeighbors;
    const std::size_t position = timed_ % count;
    const auto wall_begin = Clock::now();
    const double cpu_begin = thread_cpu_microseconds();
    ORTHANT_TRY(index_.search(queries_.vector(order_[position]), params));
    const double cpu = thread_cpu_microseconds() - cpu_begin;
    point.take_times(position, cpu, std::chrono::duration<double, std::micro>(Clock::now() - wall_begin).count());
    ++timed_;
    if (timed_ == count * kTimedRounds || (timed_ >= count && is_out_of_time())) finish_point();
    return {};
  }

  void finish_point() {
    spent_microseconds_ += points_[current_].spent_microseconds();
    QualityPoint point = points_[current_].finish();
    if (current_ == 0) {
      result_.served = std::move(point);
    } else if (points_[current_].params().stages != SearchStages::kAuto) {
      result_.forms.push_back(std::move(point));
    } else {
      result_.curve.push_back(std::move(point));
    }
    ++current_;
    const bool out_of_time = spent_microseconds_ > request_.max_search_seconds * 1e6;
    if (out_of_time && current_ < points_.size()) result_.complete = false;
    phase_ = current_ == points_.size() || out_of_time ? Phase::kDone : Phase::kAnswers;
  }

  const VectorIndex& index_;
  IndexParts parts_;
  const IndexSource::Use source_;
  const CalibratedDepths& depths_;
  const QualityRequest request_;
  const std::size_t row_count_;
  const RowMask mask_;
  std::mt19937_64 random_;
  IndexQuality result_;
  Phase phase_ = Phase::kDone;
  SampledQueries queries_;
  std::vector<NearestCandidates> nearest_;
  PreparedQuery reversed_;
  std::vector<float> distances_;
  std::size_t next_row_ = 0;
  std::vector<std::vector<Candidate>> truth_;  // of each query, nearest first
  std::vector<std::size_t> order_;             // of the queries
  std::vector<PointRun> points_;               // the first is how searches go at the index's own target
  std::size_t current_ = 0;
  std::size_t timed_ = 0;
  double spent_microseconds_ = 0;
};

}  // namespace

Result<std::unique_ptr<QualityMeasurement>> start_quality_measurement(const VectorIndex& index, const IndexParts& parts,
                                                                      const IndexSource& source, const CalibratedDepths& depths,
                                                                      std::optional<std::size_t> trained_rows,
                                                                      QualityRequest request) {
  auto measurement = std::make_unique<Measurement>(index, parts, source, depths, std::move(request));
  ORTHANT_TRY(measurement->start(trained_rows));
  return std::unique_ptr<QualityMeasurement>(std::move(measurement));
}

}  // namespace orthant
