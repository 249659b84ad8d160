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
constexpr std::size_t kQueries = 100;
constexpr std::size_t kLargestSample = 100'000;
constexpr std::size_t kSmallestSample = 100;
constexpr std::size_t kScanGrain = 4'096;
constexpr std::size_t kInt8Depth = 1'000;
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

std::vector<Ordinal> sample_queries(const RowMask& mask) {
  std::vector<Ordinal> all;
  mask.for_each([&](Ordinal ordinal) { all.push_back(ordinal); });
  std::vector<Ordinal> queries;
  // A fixed seed: the same rows give the same depths.
  std::mt19937_64 random(0x6f727468616e74);  // NOLINT
  std::ranges::sample(all, std::back_inserter(queries), kQueries, random);
  return queries;
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
    const std::vector<NeighborRanks> ranks = find_ranks();
    if (ranks.empty()) return result;
    result.row_count = sample_count_;
    for (double target : kTargets) result.entries.push_back({target, choose_depths(ranks, target, sample_count_)});
    return result;
  }

 private:
  // Rows that vanish from the store meanwhile are not used.
  Status read_queries() {
    const std::size_t dim = parts_.config.dim;
    std::vector<float> row(dim);
    for (Ordinal ordinal : sample_queries(mask_)) {
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

  std::vector<NeighborRanks> find_ranks() {
    std::vector<std::vector<NeighborRanks>> parts(queries_.size());
    parallel_for(pool_, queries_.size(), 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) parts[i] = ranks_of(i);
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
  std::size_t sample_count_ = 0;
  std::vector<Ordinal> queries_;
  std::vector<float> query_rows_;  // queries_.size() x dim
  std::vector<NearestCandidates> truth_;
};

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

double oversampling(std::uint32_t depth) {
  return std::max(1.0, static_cast<double>(depth) / kNeighbors);
}

}  // namespace

StageDepths choose_depths(std::span<const NeighborRanks> ranks, double target_recall, std::size_t row_count) {
  // The sample's error and queries unlike the rows: aim at three quarters of the misses allowed, one fifth of them by int8.
  const double misses = (1 - target_recall) * 0.75;
  std::vector<std::uint32_t> int8_ranks;
  for (const NeighborRanks& rank : ranks) int8_ranks.push_back(rank.int8);
  const std::uint32_t int8_depth = rank_covering(int8_ranks, share_of(ranks.size(), 1 - misses / 5));

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
