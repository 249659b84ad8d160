#include "index/calibrate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <mutex>
#include <random>
#include <unordered_map>

#include "index/candidates/flat_scan.h"
#include "index/row_distances.h"
#include "index/sampled_queries.h"
#include "index/top_k.h"

namespace orthant {
namespace {

constexpr std::size_t kNeighbors = 10;
constexpr std::size_t kSampledQueries = 128;
constexpr std::size_t kQueries = 2 * kSampledQueries;  // as they are, then moved
constexpr std::size_t kLargestSample = 100'000;
constexpr std::size_t kSmallestSample = 100;
constexpr std::size_t kScanGrain = 4'096;
constexpr std::size_t kInt8Depth = 1'000;
// Of the misses that the target allows, the share that the depths are chosen to use up; the rest is for the error of the sample.
constexpr double kShareOfMisses = 0.75;
// Of those, what int8 may cause, what the margin of the first stage may, and what its depth; the last two miss much the same rows.
constexpr double kShareOfInt8 = 0.2;
constexpr double kShareOfMargin = 0.6;
constexpr double kShareOfDepth = 0.6;
constexpr std::array kTargets = {0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999};

// Rows on which depths are measured: all, or blocks spread evenly over the index.
Bitmap rows_to_measure(const RowMask& mask) {
  Bitmap rows(mask.row_count());
  const std::size_t stride = std::max<std::size_t>(1, (mask.count() + kLargestSample - 1) / kLargestSample);
  for (std::size_t block = 0; block < mask.block_count(); block += stride) {
    for (std::uint64_t word = mask.word(block); word != 0; word &= word - 1) {
      rows.set(block * kBlockRows + static_cast<std::size_t>(std::countr_zero(word)));
    }
  }
  return rows;
}

// Of the sampled neighbours so many, the farthest, tell how the shares beyond them fall.
constexpr std::size_t kTail = 10;

// The value that all but the share `missed` of the values do not exceed, at least 0; kGapUnknown when it cannot be told. What the
// sample is too small to show follows from its largest values: they exceed the smallest of them as exponentially distributed ones
// would (peaks over a threshold: Pickands 1975), which also leaves less to the chance of a single one.
float value_missed_by(std::vector<float> values, double missed) {
  if (values.empty()) return kGapUnknown;
  const auto count = static_cast<double>(values.size());
  const auto at_rank = [&](std::size_t rank) {
    std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(rank));
    return values[rank];
  };
  const double rank = std::ceil((1 - missed) * count - 1e-9);
  const float seen = std::max(0.0f, at_rank(static_cast<std::size_t>(std::max(1.0, rank)) - 1));
  const double share_of_tail = static_cast<double>(kTail) / count;
  if (missed >= share_of_tail || values.size() < 2 * kTail || seen == kGapUnknown) return seen;
  const float threshold = at_rank(values.size() - kTail);
  double excess = 0;
  for (std::size_t i = values.size() - kTail; i < values.size(); ++i) {
    if (values[i] == kGapUnknown) return seen;
    excess += (double{values[i]} - threshold) / static_cast<double>(kTail - 1);
  }
  return std::max(0.0f, static_cast<float>(threshold + excess * std::log(share_of_tail / missed)));
}

// The smallest margin within which all but the share of all neighbours lie; kGapUnknown when it cannot be told.
float margin_covering(std::span<const QueryGaps> queries, CoarseGaps QueryGaps::* stage, double missed) {
  std::vector<float> gaps;
  for (const QueryGaps& query : queries) gaps.insert(gaps.end(), (query.*stage).neighbors.begin(), (query.*stage).neighbors.end());
  return value_missed_by(std::move(gaps), missed);
}

// The smallest depth that holds all but the share of all neighbours. Those of unknown rank count as deeper than any list. Ranks
// grow exponentially where gaps grow evenly.
std::size_t depth_covering(std::span<const QueryGaps> queries, CoarseGaps QueryGaps::* stage, double missed) {
  std::vector<float> ranks;
  for (const QueryGaps& query : queries) {
    const CoarseGaps& gaps = query.*stage;
    for (float gap : gaps.neighbors) {
      const auto rank = std::ranges::upper_bound(gaps.listed, gap) - gaps.listed.begin();
      ranks.push_back(std::log(static_cast<float>(std::max<std::ptrdiff_t>(1, rank))));
    }
  }
  if (ranks.empty()) return 0;
  return static_cast<std::size_t>(std::ceil(std::exp(value_missed_by(std::move(ranks), missed)) - 1e-3f));
}

// How many listed rows lie within a margin.
struct Reach {
  std::size_t largest = 0;  // over the queries
  double mean = 0;
  bool known = true;  // false when a list ended within the margin
};

Reach reach_of(std::span<const QueryGaps> queries, CoarseGaps QueryGaps::* stage, float margin, std::size_t row_count) {
  Reach reach;
  for (const QueryGaps& query : queries) {
    const std::vector<float>& listed = (query.*stage).listed;
    const auto within = static_cast<std::size_t>(std::ranges::upper_bound(listed, margin) - listed.begin());
    if (within == listed.size() && listed.size() + 1 < row_count) reach.known = false;
    reach.largest = std::max(reach.largest, within);
    reach.mean += static_cast<double>(within) / static_cast<double>(queries.size());
  }
  return reach;
}

double oversampling(std::size_t depth) {
  return std::max(1.0, static_cast<double>(depth) / kNeighbors);
}

// Candidates that the margin turns away cost little, and rows in tight clusters of their own show too small a depth.
constexpr double kSmallestFirstOversampling = 16;

// Stages stand in the order of their precision.
StageDepths deeper(const StageDepths& a, const StageDepths& b) {
  return {std::min(a.first, b.first), std::max(a.first_oversampling, b.first_oversampling),
          std::max(a.first_margin, b.first_margin), std::max(a.int8_oversampling, b.int8_oversampling),
          std::max(a.int8_margin, b.int8_margin)};
}

std::vector<NearestCandidates> collectors(std::size_t count) {
  std::vector<NearestCandidates> made;
  for (std::size_t i = 0; i < count; ++i) made.emplace_back(kNeighbors);
  return made;
}

class Calibration {
 public:
  Calibration(const IndexParts& parts, ThreadPool* pool)
      : parts_(parts),
        pool_(pool),
        row_count_(parts.tables.row_count()),
        sample_(rows_to_measure(RowMask(parts.tables, nullptr, row_count_))),
        mask_(parts.tables, &sample_, row_count_),
        resident_(parts.tables.floats()) {}

  Result<CalibratedDepths> measure() {
    CalibratedDepths result;
    sample_count_ = mask_.count();
    if (sample_count_ < kSmallestSample) return result;
    SampledQueries sampled = ORTHANT_TRY(sample_queries(parts_, mask_, kSampledQueries, random_));
    queries_ = std::move(sampled.rows);
    query_rows_ = std::move(sampled.vectors);
    if (queries_.empty()) return result;
    ORTHANT_TRY(find_truth());
    const std::vector<QueryGaps> gaps = find_gaps(0, queries_.size() / 2);
    const std::vector<QueryGaps> moved_gaps = find_gaps(queries_.size() / 2, queries_.size());
    result.row_count = sample_count_;
    result.index_rows = row_count_;
    for (double target : kTargets) {
      result.entries.push_back(
          {target, deeper(choose_depths(gaps, target, sample_count_), choose_depths(moved_gaps, target, sample_count_)), {}});
    }
    return result;
  }

 private:
  // One pass over the rows serves all queries: each row is compared with the queries as if they were the rows.
  Status find_truth() {
    truth_ = collectors(queries_.size());
    std::mutex mutex;
    Status status;
    parallel_for(pool_, row_count_, kScanGrain, [&](std::size_t begin, std::size_t end) {
      std::vector<NearestCandidates> mine = collectors(queries_.size());
      const Status scanned = visit_rows(begin, end, [&](Ordinal ordinal, const float* row) { compare(ordinal, row, mine); });
      const std::lock_guard lock(mutex);
      if (!scanned) status = scanned;
      for (std::size_t i = 0; i < mine.size(); ++i) {
        const std::vector<Candidate> found = mine[i].take();
        std::ranges::copy(found, truth_[i].room(found.size()));
        truth_[i].commit(found.size());
      }
    });
    return status;
  }

  template <typename Visit>
  Status visit_rows(std::size_t begin, std::size_t end, const Visit& visit) const {
    if (resident_.rows() == nullptr) {
      return parts_.stored->scan(static_cast<Ordinal>(begin), static_cast<Ordinal>(end),
                                 [&](Ordinal ordinal, std::span<const float> row) {
                                   if (mask_.contains(ordinal)) visit(ordinal, row.data());
                                   return true;
                                 });
    }
    for (std::size_t row = begin; row < end; ++row) {
      const auto ordinal = static_cast<Ordinal>(row);
      if (mask_.contains(ordinal)) visit(ordinal, resident_.rows()->row_as<const float>(row));
    }
    return {};
  }

  void compare(Ordinal ordinal, const float* row, std::vector<NearestCandidates>& nearest) const {
    PreparedQuery reversed;
    reversed.metric = parts_.config.metric;
    reversed.floats.assign(row, row + parts_.config.dim);
    std::array<float, kQueries> distances;
    float_distances(parts_.kernels, reversed, query_rows_.data(), queries_.size(), distances.data());
    for (std::size_t i = 0; i < queries_.size(); ++i) {
      if (queries_[i] != ordinal) nearest[i].offer({distances[i], ordinal});
    }
  }

  std::vector<QueryGaps> find_gaps(std::size_t first, std::size_t last) {
    std::vector<QueryGaps> gaps(last - first);
    parallel_for(pool_, gaps.size(), 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) gaps[i] = gaps_of(first + i);
    });
    return gaps;
  }

  QueryGaps gaps_of(std::size_t query) {
    const std::size_t dim = parts_.config.dim;
    const bool estimates = parts_.config.metric != Metric::kManhattan;
    const PreparedQuery prepared =
        prepare_query(parts_.config.metric, parts_.quantizer, std::span(query_rows_).subspan(query * dim, dim),
                      {.estimate = estimates, .int8 = true}, parts_.tables.int8_ranges());
    const FlatScan scan(parts_.tables, parts_.kernels, mask_, prepared);
    std::vector<Candidate> truth = truth_[query].take();
    std::ranges::sort(truth, nearer);
    QueryGaps gaps;
    const float norm = std::sqrt(prepared.squared_norm);
    if (truth.empty() || norm == 0) return gaps;
    const std::size_t depth = std::max<std::size_t>(kInt8Depth, sample_count_ / 4) + 1;
    if (estimates) gaps.estimate = compare(scan.estimates(depth), truth, queries_[query], norm);
    gaps.int8 = compare(scan.int8(kInt8Depth + 1), truth, queries_[query], norm);
    return gaps;
  }

  static CoarseGaps compare(std::vector<Candidate> coarse, const std::vector<Candidate>& truth, Ordinal self, float norm) {
    std::erase_if(coarse, [self](const Candidate& candidate) { return candidate.ordinal == self; });
    std::ranges::sort(coarse, nearer);
    CoarseGaps gaps;
    std::unordered_map<Ordinal, float> by_ordinal;
    for (const Candidate& candidate : coarse) {
      gaps.listed.push_back((candidate.distance - truth.back().distance) / norm);
      by_ordinal.emplace(candidate.ordinal, gaps.listed.back());
    }
    for (const Candidate& neighbor : truth) {
      const auto found = by_ordinal.find(neighbor.ordinal);
      gaps.neighbors.push_back(found == by_ordinal.end() ? kGapUnknown : found->second);
    }
    return gaps;
  }

  const IndexParts& parts_;
  ThreadPool* pool_;
  const std::size_t row_count_;
  const Bitmap sample_;
  const RowMask mask_;
  const ResidentFloats::Use resident_;
  // A fixed seed: the same rows give the same depths.
  std::mt19937_64 random_{20'260'101};
  std::size_t sample_count_ = 0;
  std::vector<Ordinal> queries_;
  std::vector<float> query_rows_;  // queries_.size() x dim
  std::vector<NearestCandidates> truth_;
};

}  // namespace

StageDepths with_first_stage(StageDepths depths, std::span<const QueryGaps> queries, double target_recall, std::size_t row_count) {
  const double misses = (1 - target_recall) * kShareOfMisses;
  const float margin = margin_covering(queries, &QueryGaps::estimate, misses * kShareOfMargin);
  const Reach estimate = reach_of(queries, &QueryGaps::estimate, margin, row_count);
  // Rescoring a candidate costs some 20 rows of the 1-bit scan, and these an eighth of an int8 scan.
  if (margin == kGapUnknown || !estimate.known || estimate.mean * 4 > static_cast<double>(row_count)) return depths;
  depths.first = FirstStage::kEstimate;
  const std::size_t depth = std::min(estimate.largest, depth_covering(queries, &QueryGaps::estimate, misses * kShareOfDepth));
  depths.first_oversampling = std::max(oversampling(depth), kSmallestFirstOversampling);
  depths.first_margin = margin;
  return depths;
}

StageDepths choose_depths(std::span<const QueryGaps> queries, double target_recall, std::size_t row_count) {
  const double misses = (1 - target_recall) * kShareOfMisses;
  const float int8_margin = margin_covering(queries, &QueryGaps::int8, misses * kShareOfInt8);
  const Reach int8 = reach_of(queries, &QueryGaps::int8, int8_margin, row_count);
  if (int8_margin == kGapUnknown || !int8.known) return {.first = FirstStage::kFloat};
  return with_first_stage({FirstStage::kInt8, oversampling(int8.largest), int8_margin, oversampling(int8.largest), int8_margin},
                          queries, target_recall, row_count);
}

Result<CalibratedDepths> measure_depths(const IndexParts& parts, ThreadPool* pool) {
  return Calibration(parts, pool).measure();
}

}  // namespace orthant
