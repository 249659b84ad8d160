#include "index/candidates/table_scan.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>
#include <type_traits>

#include "base/aligned_array.h"
#include "index/top_k.h"

namespace orthant {
namespace {

// Blocks a kernel call scans before the bound is brought up to date, a power of two. Of several queries, the later ones find the
// codes in the first-level cache, and the processor goes on fetching ahead as for one.
constexpr std::size_t kRunBlocks = 16;
constexpr std::size_t kSharedRunBytes = std::size_t{12} << 10;
std::size_t run_blocks(std::size_t query_count, std::size_t code_bytes) {
  if (query_count == 1) return kRunBlocks;
  return std::clamp<std::size_t>(std::bit_floor(kSharedRunBytes / (kBlockRows * code_bytes)), 1, kRunBlocks);
}
// One in so many blocks is looked at to guess the bound, but neither too few nor more than a large scan needs.
constexpr std::size_t kBlocksPerSample = 32;
constexpr std::size_t kFewestSamples = 32;
constexpr std::size_t kMostSamples = 256;
// Scans of fewer blocks do without.
constexpr std::size_t kFewestBlocksToSample = 512;
// Scans of at least so many blocks are shared out, in pieces of at least so many.
constexpr std::size_t kFewestBlocksToShare = 4'096;
constexpr std::size_t kPieceBlocks = 1'024;
constexpr float kNoBound = std::numeric_limits<float>::infinity();

const float* factors(const RowColumn* column, std::size_t row) {
  return column == nullptr ? nullptr : column->row_as<const float>(row);
}

// Factors of a block of which only `rows` rows are published, copied aside: the writer may be filling the others.
const float* copy_factors(const RowColumn* column, std::size_t first_row, std::size_t rows, std::array<float, kBlockRows>& copy) {
  if (column == nullptr) return nullptr;
  copy.fill(0);
  std::memcpy(copy.data(), column->row(first_row), rows * sizeof(float));
  return copy.data();
}

template <typename Nearest>
Nearest make_collector(const TableQuery& query, std::size_t depth, float bound) {
  if constexpr (std::is_same_v<Nearest, NearestSums>) {
    return NearestSums(depth, query.largest_sum, bound);
  } else {
    return NearestCandidates(depth, bound);
  }
}

}  // namespace

// One query of a pass.
template <typename Nearest>
struct TableScan::Lane {
  Lane(const TableQuery& table_query, std::size_t depth, float bound)
      : query(table_query), scan(table_query.scan), nearest(make_collector<Nearest>(table_query, depth, bound)) {}

  void scan_blocks(const DistanceKernels& kernels, const std::uint8_t* codes, std::span<const std::uint64_t> masks,
                   std::size_t first_row) {
    scan.bound = nearest.bound();
    nearest.commit(kernels.scan_blocks(scan, codes, masks.data(), masks.size(), static_cast<Ordinal>(first_row),
                                       nearest.room(masks.size() * kBlockRows)));
  }

  const TableQuery& query;
  BlockScan scan;
  Nearest nearest;
};

template <typename Nearest>
void TableScan::scan_range(std::vector<Lane<Nearest>>& lanes, std::size_t first_block, std::size_t end_block) const {
  std::array<std::uint64_t, kRunBlocks> masks;
  const std::size_t run = run_blocks(lanes.size(), tables_.code_bytes());
  for (std::size_t block = first_block; block < end_block;) {
    const std::size_t row = block * kBlockRows;
    const std::size_t chunk_end = chunk_first_row(chunk_of(row) + 1) / kBlockRows;
    const std::size_t run_end = std::min({(block / run + 1) * run, chunk_end, end_block});
    mask_.words(block, run_end - block, masks.data());
    for (Lane<Nearest>& lane : lanes) {
      lane.scan.scales = factors(lane.query.scales, row);
      lane.scan.offsets = factors(lane.query.offsets, row);
      lane.scan_blocks(kernels_, tables_.bits()->row(row), std::span(masks).first(run_end - block), row);
    }
    block = run_end;
  }
}

template <typename Nearest>
void TableScan::scan_open_block(std::vector<Lane<Nearest>>& lanes) const {
  const std::size_t rows = mask_.row_count() % kBlockRows;
  if (rows == 0) return;
  const std::size_t block = mask_.row_count() / kBlockRows;
  const std::size_t first_row = block * kBlockRows;
  AlignedArray<std::uint8_t> codes(kBlockRows * tables_.code_bytes());
  tables_.copy_open_block(first_row, codes.data());
  const std::uint64_t mask = mask_.word(block);
  std::array<float, kBlockRows> scales;
  std::array<float, kBlockRows> offsets;
  for (Lane<Nearest>& lane : lanes) {
    lane.scan.scales = copy_factors(lane.query.scales, first_row, rows, scales);
    lane.scan.offsets = copy_factors(lane.query.offsets, first_row, rows, offsets);
    lane.scan_blocks(kernels_, codes.data(), {&mask, 1}, first_row);
  }
}

// Of the nearest `depth` rows, a share like that of the sampled blocks is expected among the sampled rows, with a deviation of its
// square root. The distance that four deviations more of them lie within is the bound.
template <typename Nearest>
std::vector<float> TableScan::guess_bounds(std::span<const TableQuery> queries, std::size_t depth) const {
  std::vector<float> bounds(queries.size(), kNoBound);
  const std::size_t first = mask_.first_block();
  const std::size_t count = mask_.row_count() / kBlockRows - std::min(first, mask_.row_count() / kBlockRows);
  if (count < kFewestBlocksToSample) return bounds;
  const std::size_t samples = std::clamp(count / kBlocksPerSample, kFewestSamples, kMostSamples);
  const double expected = static_cast<double>(depth) * static_cast<double>(samples) / static_cast<double>(count);
  const auto rank = static_cast<std::size_t>(std::ceil(expected + 4 * std::sqrt(expected))) + 2;
  std::vector<Lane<Nearest>> lanes;
  lanes.reserve(queries.size());
  for (const TableQuery& query : queries) lanes.emplace_back(query, rank, kNoBound);
  for (std::size_t i = 0; i < samples; ++i) {
    const std::size_t block = first + i * count / samples;
    scan_range(lanes, block, block + 1);
  }
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    const std::vector<Candidate> found = lanes[i].nearest.take();
    if (found.size() == rank) bounds[i] = std::nextafter(std::ranges::max(found, nearer).distance, kNoBound);
  }
  return bounds;
}

template <typename Nearest>
TableScan::Found TableScan::scan(std::span<const TableQuery> queries, Depths depths, std::span<const float> bounds) const {
  const std::size_t end = mask_.row_count() / kBlockRows;
  if (pool_ != nullptr && pool_->queued() == 0 && end - std::min(end, mask_.first_block()) >= kFewestBlocksToShare) {
    return scan_on_threads<Nearest>(queries, depths, bounds);
  }
  std::vector<Lane<Nearest>> lanes;
  lanes.reserve(queries.size());
  for (std::size_t i = 0; i < queries.size(); ++i) lanes.emplace_back(queries[i], depths.depth, bounds[i]);
  scan_range(lanes, mask_.first_block(), end);
  scan_open_block(lanes);
  Found found;
  for (Lane<Nearest>& lane : lanes) found.push_back(lane.nearest.take(depths.leading));
  return found;
}

// Each piece keeps its nearest; the nearest of all are among them.
template <typename Nearest>
TableScan::Found TableScan::scan_on_threads(std::span<const TableQuery> queries, Depths depths,
                                            std::span<const float> bounds) const {
  Found found(queries.size());
  std::mutex mutex;
  const std::size_t first = mask_.first_block();
  const std::size_t end = mask_.row_count() / kBlockRows;
  parallel_for(pool_, end - first, kPieceBlocks, [&](std::size_t piece_begin, std::size_t piece_end) {
    std::vector<Lane<Nearest>> lanes;
    lanes.reserve(queries.size());
    for (std::size_t i = 0; i < queries.size(); ++i) lanes.emplace_back(queries[i], depths.depth, bounds[i]);
    scan_range(lanes, first + piece_begin, first + piece_end);
    if (first + piece_end == end) scan_open_block(lanes);
    const std::lock_guard lock(mutex);
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      const std::vector<Candidate> nearest = lanes[i].nearest.take();
      found[i].insert(found[i].end(), nearest.begin(), nearest.end());
    }
  });
  for (std::vector<Candidate>& nearest : found) {
    keep_nearest(nearest, depths.depth);
    if (depths.leading != 0) lead_with_nearest(nearest, depths.leading);
  }
  return found;
}

template <typename Nearest>
TableScan::Found TableScan::nearest_with(std::span<const TableQuery> queries, Depths depths) const {
  const std::vector<float> bounds = guess_bounds<Nearest>(queries, depths.depth);
  Found found = scan<Nearest>(queries, depths, bounds);
  for (std::size_t i = 0; i < queries.size(); ++i) {
    if (bounds[i] == kNoBound || found[i].size() == depths.depth || found[i].size() == mask_.count()) continue;
    found[i] = std::move(scan<Nearest>(queries.subspan(i, 1), depths, std::array{kNoBound}).front());
  }
  return found;
}

TableScan::Found TableScan::nearest(std::span<const TableQuery> queries, std::size_t depth, std::size_t leading) const {
  if (queries.empty()) return {};
  if (queries.front().scales == nullptr) return nearest_with<NearestSums>(queries, {depth, leading});
  return nearest_with<NearestCandidates>(queries, {depth, leading});
}

}  // namespace orthant
