#include "index/calibrate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <mutex>
#include <random>

#include "index/candidates/flat_scan.h"
#include "index/row_distances.h"
#include "index/top_k.h"

namespace orthant {
namespace {

constexpr std::size_t kNeighbors = 10;
constexpr std::size_t kSampledQueries = 64;
constexpr std::size_t kQueries = 2 * kSampledQueries;  // as they are, then moved
constexpr std::size_t kLargestSample = 100'000;
constexpr std::size_t kSmallestSample = 100;
constexpr std::size_t kScanGrain = 4'096;
constexpr std::size_t kInt8Depth = 1'000;
// Users' queries lie farther from the rows than the rows from each other, and need deeper stages. Rows moved by noise of this size,
// relative to the spread of the rows, need the depths of real queries: the claims of SciFact against its abstracts have 99 percent
// of the true neighbours in the first 82 by estimate and 99.8 percent in the first 189; rows need 52 and 93, moved rows 91 and 184.
// Rows as they are count too, and the deeper result is taken: the nearer the neighbours, the more the precision of codes matters.
constexpr float kQueryNoise = 0.8f;
// Of the misses that the target allows, the share that the depths are chosen to use up; the rest is for the error of the sample.
constexpr double kShareOfMisses = 0.6;
// Of those, the share that int8 may cause.
constexpr double kShareOfInt8 = 0.2;
constexpr std::array kTargets = {0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999};

// Rows on which depths are measured: all, or blocks spread evenly over the index.
Bitmap sample_rows(const RowMask& mask) {
  Bitmap rows(mask.row_count());
  const std::size_t stride = std::max<std::size_t>(1, (mask.count() + kLargestSample - 1) / kLargestSample);
  for (std::size_t block = 0; block < mask.block_count(); block += stride) {
    for (std::uint64_t word = mask.word(block); word != 0; word &= word - 1) {
      rows.set(block * kBlockRows + static_cast<std::size_t>(std::countr_zero(word)));
    }
  }
  return rows;
}

std::vector<Ordinal> sample_of(const RowMask& mask, std::mt19937_64& random) {
  std::vector<Ordinal> all;
  mask.for_each([&](Ordinal ordinal) { all.push_back(ordinal); });
  std::vector<Ordinal> queries;
  std::ranges::sample(all, std::back_inserter(queries), kSampledQueries, random);
  return queries;
}

// Adds normally distributed noise to each value, in proportion to the standard deviation of its dimension.
void move_rows(std::vector<float>& rows, std::size_t dim, std::mt19937_64& random) {
  const auto count = static_cast<double>(rows.size()) / static_cast<double>(dim);
  std::normal_distribution<float> normal;
  for (std::size_t i = 0; i < dim; ++i) {
    double sum = 0;
    double squares = 0;
    for (std::size_t position = i; position < rows.size(); position += dim) {
      sum += rows[position];
      squares += double{rows[position]} * rows[position];
    }
    const double variance = std::max(0.0, squares / count - sum / count * (sum / count));
    const auto deviation = static_cast<float>(std::sqrt(variance));
    for (std::size_t position = i; position < rows.size(); position += dim)
      rows[position] += kQueryNoise * deviation * normal(random);
  }
}

// Of all neighbours, the rank that `wanted` of the given ranks do not exceed; unknown when too few are given.
std::uint32_t rank_covering(std::vector<std::uint32_t> ranks, std::size_t wanted) {
  if (wanted == 0) return 1;
  if (ranks.size() < wanted) return kRankUnknown;
  std::ranges::nth_element(ranks, ranks.begin() + static_cast<std::ptrdiff_t>(wanted) - 1);
  return ranks[wanted - 1];
}

std::size_t share_of(std::size_t count, double share) {
  return std::min(count, static_cast<std::size_t>(std::ceil(share * static_cast<double>(count) - 1e-9)));
}

// Stages stand in the order of their precision.
StageDepths deeper(const StageDepths& a, const StageDepths& b) {
  return {std::min(a.first, b.first), std::max(a.first_oversampling, b.first_oversampling),
          std::max(a.int8_oversampling, b.int8_oversampling)};
}

double oversampling(std::uint32_t depth) {
  return std::max(1.0, static_cast<double>(depth) / kNeighbors);
}

class Calibration {
 public:
  Calibration(const IndexParts& parts, ThreadPool* pool)
      : parts_(parts),
        pool_(pool),
        row_count_(parts.tables.row_count()),
        sample_(sample_rows(RowMask(parts.tables, nullptr, row_count_))),
        mask_(parts.tables, &sample_, row_count_),
        resident_(parts.tables.floats()) {}

  Result<CalibratedDepths> measure() {
    CalibratedDepths result;
    sample_count_ = mask_.count();
    if (sample_count_ < kSmallestSample) return result;
    ORTHANT_TRY(read_queries());
    ORTHANT_TRY(find_truth());
    if (queries_.empty()) return result;
    const std::vector<NeighborRanks> ranks = find_ranks(0, queries_.size() / 2);
    const std::vector<NeighborRanks> moved_ranks = find_ranks(queries_.size() / 2, queries_.size());
    result.row_count = sample_count_;
    for (double target : kTargets) {
      result.entries.push_back(
          {target, deeper(choose_depths(ranks, target, sample_count_), choose_depths(moved_ranks, target, sample_count_))});
    }
    return result;
  }

 private:
  // Rows that vanish from the store meanwhile are not used.
  Status read_queries() {
    const std::size_t dim = parts_.config.dim;
    std::vector<float> row(dim);
    for (Ordinal ordinal : sample_of(mask_, random_)) {
      if (resident_.rows() != nullptr) {
        const auto* values = resident_.rows()->row_as<const float>(ordinal);
        row.assign(values, values + dim);
      } else {
        const Status read = parts_.stored->read({&ordinal, 1}, row);
        if (!read && read.error().code == ErrorCode::kDataCorruption) continue;
        ORTHANT_TRY(read);
      }
      queries_.push_back(ordinal);
      query_rows_.insert(query_rows_.end(), row.begin(), row.end());
    }
    std::vector<float> moved = query_rows_;
    move_rows(moved, dim, random_);
    query_rows_.insert(query_rows_.end(), moved.begin(), moved.end());
    const std::vector<Ordinal> again = queries_;
    queries_.insert(queries_.end(), again.begin(), again.end());
    return {};
  }

  // One pass over the rows serves all queries: each row is compared with the queries as if they were the rows.
  Status find_truth() {
    truth_.assign(queries_.size(), NearestCandidates(kNeighbors));
    std::mutex mutex;
    Status status;
    parallel_for(pool_, row_count_, kScanGrain, [&](std::size_t begin, std::size_t end) {
      std::vector<NearestCandidates> mine(queries_.size(), NearestCandidates(kNeighbors));
      const Status scanned = visit_rows(begin, end, [&](Ordinal ordinal, const float* row) { compare(ordinal, row, mine); });
      const std::lock_guard lock(mutex);
      if (!scanned) status = scanned;
      for (std::size_t i = 0; i < mine.size(); ++i) {
        for (const Candidate& candidate : mine[i].take()) *truth_[i].room(1) = candidate, truth_[i].commit(1);
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

  std::vector<NeighborRanks> find_ranks(std::size_t first, std::size_t last) {
    std::vector<std::vector<NeighborRanks>> parts(last - first);
    parallel_for(pool_, parts.size(), 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) parts[i] = ranks_of(first + i);
    });
    std::vector<NeighborRanks> ranks;
    for (const auto& part : parts) ranks.insert(ranks.end(), part.begin(), part.end());
    return ranks;
  }

  std::vector<NeighborRanks> ranks_of(std::size_t query) {
    const std::size_t dim = parts_.config.dim;
    const bool estimates = parts_.config.metric != Metric::kManhattan;
    const PreparedQuery prepared =
        prepare_query(parts_.config.metric, parts_.quantizer, std::span(query_rows_).subspan(query * dim, dim),
                      {.estimate = estimates, .int8 = true});
    const FlatScan scan(parts_.tables, parts_.kernels, mask_, prepared);
    std::vector<Candidate> by_estimate;
    if (estimates) by_estimate = scan.estimates(std::max<std::size_t>(kInt8Depth, sample_count_ / 16) + 1);
    const std::vector<Candidate> by_int8 = scan.int8(kInt8Depth + 1);
    std::vector<NeighborRanks> ranks;
    for (const Candidate& neighbor : truth_[query].take()) {
      ranks.push_back(
          {rank_in(by_estimate, neighbor.ordinal, queries_[query]), rank_in(by_int8, neighbor.ordinal, queries_[query])});
    }
    return ranks;
  }

  static std::uint32_t rank_in(const std::vector<Candidate>& order, Ordinal wanted, Ordinal self) {
    std::uint32_t rank = 1;
    for (const Candidate& candidate : order) {
      if (candidate.ordinal == wanted) return rank;
      if (candidate.ordinal != self) ++rank;
    }
    return kRankUnknown;
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

StageDepths choose_depths(std::span<const NeighborRanks> ranks, double target_recall, std::size_t row_count) {
  const double misses = (1 - target_recall) * kShareOfMisses;
  std::vector<std::uint32_t> int8_ranks;
  for (const NeighborRanks& rank : ranks) int8_ranks.push_back(rank.int8);
  const std::uint32_t int8_depth = rank_covering(int8_ranks, share_of(ranks.size(), 1 - misses * kShareOfInt8));

  std::vector<std::uint32_t> estimate_ranks;
  for (const NeighborRanks& rank : ranks) {
    if (rank.int8 <= int8_depth) estimate_ranks.push_back(rank.estimate);
  }
  const std::uint32_t estimate_depth = rank_covering(estimate_ranks, share_of(ranks.size(), 1 - misses));
  // Rescoring a candidate costs some 20 rows of the 1-bit scan, which itself costs an eighth of an int8 scan.
  const bool cheaper = std::size_t{estimate_depth} * 4 <= row_count || estimate_depth <= kInt8Depth;
  if (int8_depth != kRankUnknown && estimate_depth != kRankUnknown && cheaper) {
    return {FirstStage::kEstimate, oversampling(estimate_depth), oversampling(int8_depth)};
  }
  const std::uint32_t int8_alone = rank_covering(int8_ranks, share_of(ranks.size(), 1 - misses));
  if (int8_alone != kRankUnknown) return {FirstStage::kInt8, oversampling(int8_alone), oversampling(int8_alone)};
  return {FirstStage::kFloat, 1, 1};
}

Result<CalibratedDepths> measure_depths(const IndexParts& parts, ThreadPool* pool) {
  return Calibration(parts, pool).measure();
}

}  // namespace orthant
