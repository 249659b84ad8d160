#include "index/candidates/list_centroids.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>

#include <fmt/format.h>

#include "index/candidates/bucket_select.h"
#include "index/candidates/residual_code.h"
#include "index/top_k.h"

namespace orthant {
namespace {

// So few are compared in int8 without a preselection.
constexpr std::size_t kFewLists = 64;
// So large a share of the 1-bit codes, at least, is scanned for a bound before the others.
constexpr std::size_t kShareForBound = 8;
// Codes compared in int8 together, while the next are on their way from memory.
constexpr std::size_t kCompared = 8;
// So few are sorted.
constexpr std::size_t kSorted = 8;
// Of the 1-bit ranking so many times the wanted lists are compared in int8, and some more.
constexpr std::size_t kPreselection = 2;
constexpr std::size_t kMorePreselected = 32;

std::size_t block_count(std::size_t rows) {
  return (rows + kBlockRows - 1) / kBlockRows;
}

// Of many, in the order of slices of their range: which of two lists of nearly one distance is read first hardly matters.
std::vector<Candidate> ordered_nearest(std::vector<Candidate> candidates, std::size_t depth) {
  if (depth <= kSorted) {
    depth = std::min(depth, candidates.size());
    std::ranges::partial_sort(candidates, candidates.begin() + static_cast<std::ptrdiff_t>(depth), nearer);
  } else {
    candidates = bucket_select(candidates, depth);
  }
  candidates.resize(std::min(depth, candidates.size()));
  return candidates;
}

LookUpTables negated_tables(std::span<const float> vector) {
  std::vector<float> weights(vector.begin(), vector.end());
  for (float& weight : weights) weight = -weight;
  return make_signed_sum_tables(weights);
}

}  // namespace

CentroidQuery::CentroidQuery(std::span<const float> vector) : tables(negated_tables(vector)), int8(quantize_query(vector)) {}

ListCentroids::ListCentroids(std::size_t dim, std::size_t count, const DistanceKernels& kernels)
    : dim_(dim),
      count_(count),
      code_bytes_((dim + 7) / 8),
      kernels_(&kernels),
      codes_(dim),
      scales_(sizeof(float)),
      norms_(sizeof(float)),
      bits_(block_count(count) * kBlockRows * code_bytes_),
      bit_scales_(block_count(count) * kBlockRows),
      dot_offsets_(block_count(count) * kBlockRows),
      euclid_offsets_(block_count(count) * kBlockRows) {
  codes_.reserve(count);
  scales_.reserve(count);
  norms_.reserve(count);
}

ListCentroids::ListCentroids(std::size_t dim, std::span<const float> centroids, const DistanceKernels& kernels)
    : ListCentroids(dim, centroids.size() / dim, kernels) {
  for (std::size_t list = 0; list < count_; ++list) {
    *scales_.row_as<float>(list) = quantize_row(centroids.subspan(list * dim, dim), {codes_.row(list), dim});
  }
  make_bits();
}

void ListCentroids::decode(std::uint32_t list, std::span<float> out) const {
  kernels_->decode_i8(codes_.row(list), dim_, *scales_.row_as<const float>(list), out.data());
}

Status ListCentroids::finish_load() {
  for (std::size_t list = 0; list < count_; ++list) {
    const float scale = *scales_.row_as<const float>(list);
    if (!std::isfinite(scale) || scale < 0) return data_corruption(fmt::format("inverted lists: centroid {} is damaged", list));
  }
  make_bits();
  return {};
}

void ListCentroids::make_bits() {
  std::vector<float> centroid(dim_), residual(dim_), mean(dim_);
  std::vector<double> sums(dim_);
  for (std::uint32_t list = 0; list < count_; ++list) {
    decode(list, centroid);
    *norms_.row_as<float>(list) = orthant::squared_norm(centroid);
    for (std::size_t i = 0; i < dim_; ++i) sums[i] += centroid[i];
  }
  for (std::size_t i = 0; i < dim_; ++i) mean[i] = static_cast<float>(sums[i] / static_cast<double>(count_));
  std::vector<std::uint8_t> code(code_bytes_);
  for (std::uint32_t list = 0; list < count_; ++list) {
    decode(list, centroid);
    const ResidualFactors factors = encode_residual(centroid, mean, residual, code);
    bit_scales_[list] = factors.scale;
    dot_offsets_[list] = factors.offset;
    euclid_offsets_[list] = squared_norm(list) + 2 * factors.offset;
    std::uint8_t* block = bits_.data() + list / kBlockRows * kBlockRows * code_bytes_;
    for (std::size_t byte = 0; byte < code_bytes_; ++byte) block[byte * kBlockRows + list % kBlockRows] = code[byte];
  }
}

void ListCentroids::prefetch(std::uint32_t list) const {
  const std::uint8_t* code = codes_.row(list);
  for (std::size_t byte = 0; byte < dim_; byte += kCacheLineBytes) __builtin_prefetch(code + byte);
}

void ListCentroids::compare(const QuantizedQuery& query, std::span<RankedList> lists) const {
  std::array<const std::uint8_t*, kCompared> rows;
  std::array<std::int32_t, kCompared> dots;
  for (std::size_t first = 0; first < lists.size(); first += kCompared) {
    const std::size_t count = std::min(kCompared, lists.size() - first);
    for (std::size_t i = first + kCompared; i < std::min(first + 2 * kCompared, lists.size()); ++i) prefetch(lists[i].list);
    for (std::size_t i = 0; i < count; ++i) rows[i] = codes_.row(lists[first + i].list);
    kernels_->dot_i8_list(query.values.data(), rows.data(), dim_, count, dots.data());
    for (std::size_t i = 0; i < count; ++i) {
      RankedList& ranked = lists[first + i];
      ranked.dot = static_cast<float>(dots[i]) * query.scale * *scales_.row_as<const float>(ranked.list);
    }
  }
}

// The mean's share of the dot product is the same for all centroids and left out. The first blocks give a bound that at least
// `depth` lists pass, so that few of the others have to be looked at.
std::vector<Candidate> ListCentroids::preselect(const CentroidQuery& query, ListOrder order, std::size_t depth) const {
  const float slope = order == ListOrder::kEuclid ? 2 : 1;
  const AlignedArray<float>& offsets = order == ListOrder::kEuclid ? euclid_offsets_ : dot_offsets_;
  const std::size_t blocks = block_count(count_);
  std::vector<std::uint64_t> masks(blocks, ~std::uint64_t{0});
  if (const std::size_t rest = count_ % kBlockRows; rest != 0) masks.back() = (std::uint64_t{1} << rest) - 1;
  auto lists = std::make_unique_for_overwrite<Candidate[]>(blocks * kBlockRows);
  BlockScan scan = {query.tables.entries.data(),
                    code_bytes_,
                    std::numeric_limits<float>::infinity(),
                    slope * query.tables.step,
                    slope * query.tables.base,
                    nullptr,
                    nullptr,
                    query.tables.wide.data()};
  const auto scan_some = [&](std::size_t first, std::size_t count, Candidate* found) {
    scan.scales = bit_scales_.data() + first * kBlockRows;
    scan.offsets = offsets.data() + first * kBlockRows;
    return kernels_->scan_blocks(scan, bits_.data() + first * kBlockRows * code_bytes_, masks.data() + first, count,
                                 static_cast<std::uint32_t>(first * kBlockRows), found);
  };
  const std::size_t first_blocks = std::min(blocks, std::max(blocks / kShareForBound, 2 * block_count(depth)));
  std::size_t found = scan_some(0, first_blocks, lists.get());
  if (first_blocks < blocks && found != 0) {
    const std::vector<Candidate> nearest = bucket_select({lists.get(), found}, depth);
    std::ranges::copy(nearest, lists.get());
    found = nearest.size();
    scan.bound = nearest.back().distance;
    found += scan_some(first_blocks, blocks - first_blocks, lists.get() + found);
  }
  return bucket_select({lists.get(), found}, depth);
}

std::vector<RankedList> ListCentroids::nearest(const CentroidQuery& query, ListOrder order, std::size_t depth) const {
  const std::size_t preselected = std::max(kPreselection * depth + kMorePreselected, kFewLists);
  std::vector<RankedList> compared;
  compared.reserve(std::min(count_, 2 * preselected));
  std::vector<Candidate> nearest_by_bits;
  if (count_ > preselected) nearest_by_bits = preselect(query, order, preselected);
  for (const Candidate& found : nearest_by_bits) compared.push_back({0, 0, found.ordinal});
  if (compared.empty()) {
    for (std::uint32_t list = 0; list < count_; ++list) compared.push_back({0, 0, list});
  }
  compare(query.int8, compared);
  std::vector<Candidate> distances(compared.size());
  for (std::uint32_t i = 0; i < compared.size(); ++i) {
    RankedList& ranked = compared[i];
    ranked.distance = finite_distance(order == ListOrder::kDot ? -ranked.dot : squared_norm(ranked.list) - 2 * ranked.dot);
    distances[i] = {ranked.distance, i};
  }
  std::vector<RankedList> lists;
  lists.reserve(depth);
  for (const Candidate& near : ordered_nearest(std::move(distances), depth)) lists.push_back(compared[near.ordinal]);
  return lists;
}

std::size_t ListCentroids::memory_bytes() const {
  return count_ * (dim_ + 2 * sizeof(float)) + bits_.size() + 3 * bit_scales_.size() * sizeof(float);
}

}  // namespace orthant
