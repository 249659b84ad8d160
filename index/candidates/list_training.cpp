#include "index/candidates/list_training.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "index/candidates/list_assignment.h"
#include "index/int8_rows.h"

namespace orthant {
namespace {

constexpr std::size_t kIterations = 6;
constexpr std::size_t kSampledPerList = 32;
constexpr std::size_t kAssignGrain = 256;
// Rows nearest to their centroids that go into one list only.
constexpr double kSingleListShare = 0.15;

class Training {
 public:
  Training(const CodeTables& tables, const DistanceKernels& kernels, std::size_t dim, ThreadPool* pool,
           const std::atomic<bool>& stop)
      : tables_(tables), int8_(tables), kernels_(kernels), dim_(dim), pool_(pool), stop_(stop) {}

  TrainedLists run(Ordinal row_count, std::size_t list_count) {
    sample(row_count, list_count * kSampledPerList);
    list_count_ = std::min(list_count, sample_.size());
    if (list_count_ == 0) return {};
    begin_with_sampled_rows();
    for (std::size_t i = 0; i < kIterations; ++i) {
      const ListCentroids centroids(dim_, means_, kernels_);
      if (!assign(centroids)) return {};
      move_to_means();
      fill_empty_lists();
    }
    put_near_ones_side_by_side();
    auto centroids = std::make_unique<ListCentroids>(dim_, means_, kernels_);
    if (!assign(*centroids)) return {};
    return {std::move(centroids), single_list_residual()};
  }

 private:
  // Live rows, evenly spread, in random order.
  void sample(Ordinal row_count, std::size_t wanted) {
    for (Ordinal row = 0; row < row_count; ++row) {
      if (!tables_.is_buried(row)) sample_.push_back(row);
    }
    for (std::size_t i = 0; i < std::min(wanted, sample_.size()); ++i) {
      std::swap(sample_[i], sample_[i + random_() % (sample_.size() - i)]);
    }
    sample_.resize(std::min(wanted, sample_.size()));
    sample_.shrink_to_fit();
    nearest_.resize(sample_.size());
  }

  void decode(std::size_t sampled, std::span<float> out) const {
    const Ordinal row = sample_[sampled];
    int8_.decode(kernels_, row, out.data());
  }

  void begin_with_sampled_rows() {
    means_.resize(list_count_ * dim_);
    for (std::size_t list = 0; list < list_count_; ++list) decode(list, mean(list));
  }

  // False when stopped.
  bool assign(const ListCentroids& centroids) {
    parallel_for(pool_, sample_.size(), kAssignGrain, [&](std::size_t begin, std::size_t end) {
      std::vector<float> row(dim_);
      for (std::size_t i = begin; i < end && !stop_.load(std::memory_order_relaxed); ++i) {
        decode(i, row);
        nearest_[i] = nearest_centroid(centroids, row);
      }
    });
    return !stop_.load(std::memory_order_relaxed);
  }

  void move_to_means() {
    counts_.assign(list_count_, 0);
    std::ranges::fill(means_, 0.0f);
    std::vector<float> row(dim_);
    for (std::size_t i = 0; i < sample_.size(); ++i) {
      decode(i, row);
      const std::span<float> sum = mean(nearest_[i].list);
      for (std::size_t k = 0; k < dim_; ++k) sum[k] += row[k];
      ++counts_[nearest_[i].list];
    }
    for (std::size_t list = 0; list < list_count_; ++list) {
      const float share = 1 / static_cast<float>(std::max<std::size_t>(counts_[list], 1));
      for (float& value : mean(list)) value *= share;
    }
  }

  // An empty list begins anew at a row that lies far from its centroid: a random one among those of the farther half.
  void fill_empty_lists() {
    const float far = distance_quantile(0.5);
    for (std::size_t list = 0; list < list_count_; ++list) {
      if (counts_[list] != 0) continue;
      std::size_t chosen = random_() % sample_.size();
      for (int tries = 0; tries < 16 && nearest_[chosen].squared_distance < far; ++tries) chosen = random_() % sample_.size();
      decode(chosen, mean(list));
    }
  }

  // A search reads lists that are near to its query, so near to one another: side by side in memory they share blocks and pages.
  // Halves are cut again and again across the line between two centroids that lie far apart.
  void put_near_ones_side_by_side() {
    std::vector<std::uint32_t> order(list_count_);
    std::iota(order.begin(), order.end(), 0U);
    cut(order);
    std::vector<float> ordered;
    ordered.reserve(means_.size());
    for (const std::uint32_t list : order) ordered.insert(ordered.end(), mean(list).begin(), mean(list).end());
    means_ = std::move(ordered);
  }

  void cut(std::span<std::uint32_t> lists) {
    if (lists.size() <= 2) return;
    const std::uint32_t one_end = farthest(lists, lists.front());
    const std::uint32_t other_end = farthest(lists, one_end);
    std::vector<float> axis(mean(other_end).begin(), mean(other_end).end());
    for (std::size_t k = 0; k < dim_; ++k) axis[k] -= mean(one_end)[k];
    std::vector<std::pair<float, std::uint32_t>> places;
    for (const std::uint32_t list : lists) places.emplace_back(dot(axis, mean(list)), list);
    std::ranges::sort(places);
    for (std::size_t i = 0; i < lists.size(); ++i) lists[i] = places[i].second;
    cut(lists.first(lists.size() / 2));
    cut(lists.subspan(lists.size() / 2));
  }

  std::uint32_t farthest(std::span<const std::uint32_t> lists, std::uint32_t from) {
    const auto distance = [&](std::uint32_t list) { return squared_norm(mean(list)) - 2 * dot(mean(list), mean(from)); };
    return *std::ranges::max_element(lists, {}, distance);
  }

  static float dot(std::span<const float> a, std::span<const float> b) {
    float sums[8] = {};
    for (std::size_t k = 0; k < a.size(); ++k) sums[k % 8] += a[k] * b[k];
    float sum = 0;
    for (const float part : sums) sum += part;
    return sum;
  }

  float distance_quantile(double share) const {
    std::vector<float> distances;
    for (const NearestCentroid& nearest : nearest_) distances.push_back(nearest.squared_distance);
    const auto wanted = distances.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(distances.size() - 1));
    std::ranges::nth_element(distances, wanted);
    return *wanted;
  }
  float single_list_residual() const { return distance_quantile(kSingleListShare); }

  std::span<float> mean(std::size_t list) { return std::span(means_).subspan(list * dim_, dim_); }

  const CodeTables& tables_;
  const Int8Rows int8_;
  const DistanceKernels& kernels_;
  const std::size_t dim_;
  ThreadPool* pool_;
  const std::atomic<bool>& stop_;
  std::mt19937_64 random_{1};
  std::size_t list_count_ = 0;
  std::vector<Ordinal> sample_;
  std::vector<NearestCentroid> nearest_;  // of each sampled row
  std::vector<float> means_;              // list_count_ x dim_
  std::vector<std::size_t> counts_;       // sampled rows of each list
};

}  // namespace

TrainedLists train_lists(const CodeTables& tables, const DistanceKernels& kernels, std::size_t dim, Ordinal row_count,
                         std::size_t list_count, ThreadPool* pool, const std::atomic<bool>& stop) {
  return Training(tables, kernels, dim, pool, stop).run(row_count, list_count);
}

}  // namespace orthant
