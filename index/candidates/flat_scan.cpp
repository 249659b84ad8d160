#include "index/candidates/flat_scan.h"

#include <algorithm>
#include <array>
#include <bit>

#include "index/candidates/table_scan.h"
#include "index/row_distances.h"
#include "index/top_k.h"

namespace orthant {
namespace {

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
    compute(std::span(ordinals_).first(size_), values.data());
    for (std::size_t i = 0; i < size_; ++i) nearest_.offer({values[i], ordinals_[i]});
    size_ = 0;
  }

 private:
  void compute(std::span<const Ordinal> ordinals, float* values) const {
    if constexpr (requires { distances_.cold(ordinals); }) {
      const auto cold = distances_.cold(ordinals);
      distances_.list(ordinals, values);
    } else {
      distances_.list(ordinals, values);
    }
  }

  const Distances& distances_;
  NearestCandidates& nearest_;
  std::array<Ordinal, kBlockRows> ordinals_;
  std::size_t size_ = 0;
};

}  // namespace

namespace {

TableQuery hamming_of(const PreparedQuery& query, std::size_t code_bytes) {
  const LookUpTables& tables = query.hamming;
  return {{tables.entries.data(), code_bytes, 0, 1, 0, nullptr, nullptr, tables.wide.data()}, tables.largest_sum};
}

float slope_of(const PreparedQuery& query) {
  return query.metric == Metric::kEuclid ? 2 : 1;
}

// Squared Euclidean distance is |x|^2 - 2 <q, x> + |q|^2, so its slope is twice that of the negated dot product.
TableQuery estimate_of(const PreparedQuery& query, const CodeTables& codes) {
  const LookUpTables& tables = query.estimate.tables;
  const float slope = slope_of(query);
  const bool offsets = codes.bit_scales() != nullptr && query.metric == Metric::kEuclid;
  return {{tables.entries.data(), codes.code_bytes(), 0, slope * tables.step, slope * tables.base, nullptr, nullptr,
           tables.wide.data()},
          tables.largest_sum,
          codes.bit_scales(),
          offsets ? codes.squared_norms() : nullptr};
}

// What the scan found, as the distance of the metric.
void finish_estimates(const PreparedQuery& query, const TableQuery& table_query, std::vector<Candidate>& found) {
  const bool euclid = query.metric == Metric::kEuclid;
  const float constant = slope_of(query) * query.estimate.constant + (euclid ? query.squared_norm : 0);
  const bool sums = table_query.scales == nullptr;
  for (Candidate& candidate : found) {
    if (sums) candidate.distance = candidate.distance * table_query.scan.step + table_query.scan.base;
    candidate.distance = finite_distance(candidate.distance + constant);
  }
}

}  // namespace

std::vector<Candidate> FlatScan::hamming(std::size_t depth) const {
  const TableQuery table_query = hamming_of(query_, tables_.code_bytes());
  return std::move(TableScan(tables_, kernels_, mask_, pool_).nearest({&table_query, 1}, depth).front());
}

std::vector<Candidate> FlatScan::estimates(std::size_t depth, std::size_t leading) const {
  const TableQuery table_query = estimate_of(query_, tables_);
  const TableScan scan(tables_, kernels_, mask_, pool_);
  std::vector<Candidate> found = std::move(scan.nearest({&table_query, 1}, depth, leading).front());
  finish_estimates(query_, table_query, found);
  return found;
}

std::vector<std::vector<Candidate>> estimates_of_all(const CodeTables& tables, const DistanceKernels& kernels, const RowMask& mask,
                                                     std::span<const PreparedQuery> queries, std::size_t depth, std::size_t leading,
                                                     ThreadPool* pool) {
  std::vector<TableQuery> table_queries;
  for (const PreparedQuery& query : queries) table_queries.push_back(estimate_of(query, tables));
  std::vector<std::vector<Candidate>> found = TableScan(tables, kernels, mask, pool).nearest(table_queries, depth, leading);
  for (std::size_t i = 0; i < found.size(); ++i) finish_estimates(queries[i], table_queries[i], found[i]);
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
