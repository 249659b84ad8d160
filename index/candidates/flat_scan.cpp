#include "index/candidates/flat_scan.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/aligned_array.h"
#include "index/row_distances.h"
#include "index/top_k.h"

namespace orthant {
namespace {

// Blocks a kernel call scans before the bound is brought up to date.
constexpr std::size_t kRunBlocks = 16;
// Blocks of which at least so many rows take part are read whole; rows of sparser ones are gathered.
constexpr int kDenseRows = 24;

// Rows that a scan picks out one by one, computed together.
template <typename Distances>
class GatheredRows {
 public:
  GatheredRows(const Distances& distances, NearestCandidates& nearest) : distances_(distances), nearest_(nearest) {}
  void add(Ordinal ordinal) {
    ordinals_[size_++] = ordinal;
    if (size_ == kBlockRows) flush();
  }
  void flush() {
    if (size_ == 0) return;
    std::array<float, kBlockRows> values;
    distances_.list({ordinals_.data(), size_}, values.data());
    for (std::size_t i = 0; i < size_; ++i) nearest_.offer({values[i], ordinals_[i]});
    size_ = 0;
  }

 private:
  const Distances& distances_;
  NearestCandidates& nearest_;
  std::array<Ordinal, kBlockRows> ordinals_;
  std::size_t size_ = 0;
};

const float* factors(const RowColumn* column, std::size_t row) {
  return column == nullptr ? nullptr : column->row_as<const float>(row);
}

// The block of which only `rows` rows are published, copied aside: the writer may be filling the others.
class OpenBlock {
 public:
  OpenBlock(const CodeTables& tables, const RowColumn* scales, const RowColumn* offsets, std::size_t first_row, std::size_t rows)
      : codes_(kBlockRows * tables.code_bytes()) {
    tables.copy_open_block(first_row, codes_.data());
    copy(scales, first_row, rows, scales_);
    copy(offsets, first_row, rows, offsets_);
  }
  const std::uint8_t* codes() const { return codes_.data(); }
  const float* scales() const { return scales_.data(); }
  const float* offsets() const { return offsets_.data(); }

 private:
  static void copy(const RowColumn* column, std::size_t first_row, std::size_t rows, std::array<float, kBlockRows>& target) {
    target.fill(0);
    if (column != nullptr) std::memcpy(target.data(), column->row(first_row), rows * sizeof(float));
  }

  AlignedArray<std::uint8_t> codes_;
  std::array<float, kBlockRows> scales_;
  std::array<float, kBlockRows> offsets_;
};

}  // namespace

template <typename Nearest>
std::vector<Candidate> FlatScan::scan_tables(const BlockScan& scan_of_query, const RowColumn* scales, const RowColumn* offsets,
                                             Nearest nearest) const {
  BlockScan scan = scan_of_query;
  const std::size_t full_blocks = mask_.row_count() / kBlockRows;
  std::array<std::uint64_t, kRunBlocks> masks;
  for (std::size_t block = mask_.first_block(); block < full_blocks;) {
    const std::size_t row = block * kBlockRows;
    const std::size_t chunk_end = std::min(chunk_first_row(chunk_of(row) + 1) / kBlockRows, full_blocks);
    const std::size_t run = std::min(kRunBlocks, chunk_end - block);
    for (std::size_t i = 0; i < run; ++i) masks[i] = mask_.word(block + i);
    scan.bound = nearest.bound();
    scan.scales = factors(scales, row);
    scan.offsets = factors(offsets, row);
    nearest.commit(kernels_.scan_blocks(scan, tables_.bits()->row(row), masks.data(), run, static_cast<Ordinal>(row),
                                        nearest.room(run * kBlockRows)));
    block += run;
  }
  if (const std::size_t rest = mask_.row_count() % kBlockRows; rest != 0) {
    const std::size_t row = full_blocks * kBlockRows;
    const OpenBlock open(tables_, scales, offsets, row, rest);
    masks[0] = mask_.word(full_blocks);
    scan.bound = nearest.bound();
    scan.scales = scales == nullptr ? nullptr : open.scales();
    scan.offsets = offsets == nullptr ? nullptr : open.offsets();
    nearest.commit(kernels_.scan_blocks(scan, open.codes(), masks.data(), 1, static_cast<Ordinal>(row), nearest.room(kBlockRows)));
  }
  return nearest.take();
}

std::vector<Candidate> FlatScan::hamming(std::size_t depth) const {
  const LookUpTables& tables = query_.hamming;
  const BlockScan scan = {tables.entries.data(), tables_.code_bytes(), 0, 1, 0, nullptr, nullptr, tables.wide.data()};
  return scan_tables(scan, nullptr, nullptr, NearestSums(depth, tables.largest_sum));
}

// Squared Euclidean distance is |x|^2 - 2 <q, x> + |q|^2, so its slope is twice that of the negated dot product.
std::vector<Candidate> FlatScan::estimates(std::size_t depth) const {
  const LookUpTables& tables = query_.estimate.tables;
  const bool euclid = query_.metric == Metric::kEuclid;
  const float slope = euclid ? 2 : 1;
  const float constant = slope * query_.estimate.constant + (euclid ? query_.squared_norm : 0);
  const BlockScan scan = {
      tables.entries.data(), tables_.code_bytes(), 0, slope * tables.step, slope * tables.base, nullptr, nullptr,
      tables.wide.data()};
  const RowColumn* scales = tables_.bit_scales();
  std::vector<Candidate> found;
  if (scales == nullptr) {
    found = scan_tables(scan, nullptr, nullptr, NearestSums(depth, tables.largest_sum));
    for (Candidate& candidate : found) candidate.distance = candidate.distance * scan.step + scan.base;
  } else {
    found = scan_tables(scan, scales, euclid ? tables_.squared_norms() : nullptr, NearestCandidates(depth));
  }
  for (Candidate& candidate : found) candidate.distance = finite_distance(candidate.distance + constant);
  return found;
}

template <typename Distances>
std::vector<Candidate> FlatScan::scan_rows(std::size_t depth, const Distances& distances) const {
  NearestCandidates nearest(depth);
  GatheredRows<Distances> gathered(distances, nearest);
  std::array<float, kBlockRows> values;
  for (std::size_t block = mask_.first_block(); block < mask_.block_count(); ++block) {
    std::uint64_t rows = mask_.word(block);
    const auto first = static_cast<Ordinal>(block * kBlockRows);
    const bool dense = std::popcount(rows) >= kDenseRows;
    if (dense) {
      gathered.flush();
      distances.rows(first, std::min(kBlockRows, mask_.row_count() - first), values.data());
    }
    for (; rows != 0; rows &= rows - 1) {
      const auto row = static_cast<Ordinal>(std::countr_zero(rows));
      if (dense) {
        nearest.offer({values[row], first + row});
      } else {
        gathered.add(first + row);
      }
    }
  }
  gathered.flush();
  return nearest.take();
}

std::vector<Candidate> FlatScan::int8(std::size_t depth) const {
  if (query_.metric == Metric::kManhattan) return scan_rows(depth, DecodedDistances(tables_, kernels_, query_));
  return scan_rows(depth, Int8Distances(tables_, kernels_, query_));
}

std::vector<Candidate> FlatScan::floats(const RowColumn& rows, std::size_t depth) const {
  return scan_rows(depth, FloatDistances(rows, kernels_, query_));
}

namespace {

class RowMajorHamming {
 public:
  RowMajorHamming(const RowColumn& bits, const DistanceKernels& kernels, const PreparedQuery& query)
      : bits_(bits), kernels_(kernels), query_(query) {}
  void rows(Ordinal first, std::size_t count, float* out) const {
    std::array<std::uint32_t, kBlockRows> distances;
    kernels_.hamming_rows(query_.bits.data(), bits_.row(first), query_.bits.size(), count, distances.data());
    for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<float>(distances[i]);
  }
  void list(std::span<const Ordinal> ordinals, float* out) const {
    for (std::size_t i = 0; i < ordinals.size(); ++i) rows(ordinals[i], 1, out + i);
  }

 private:
  const RowColumn& bits_;
  const DistanceKernels& kernels_;
  const PreparedQuery& query_;
};

}  // namespace

std::vector<Candidate> FlatScan::row_major_hamming(std::size_t depth) const {
  return scan_rows(depth, RowMajorHamming(*tables_.row_major_bits(), kernels_, query_));
}

}  // namespace orthant
