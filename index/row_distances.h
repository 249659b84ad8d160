#pragma once
// Distances of one query to rows, exact for the representation that the type names, lower is nearer: negated dot product for
// Metric::kCosine and kDot, squared distance for kEuclid, plain distance for kManhattan. Results are finite. Views for the time of
// one search; a Decoded object has a buffer and belongs to one thread.
//
// `rows` asks for count rows from `first` on, within one block of 64; `list` for at most 64 rows anywhere. All are published.

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "index/code_tables.h"
#include "index/cold_rows.h"
#include "index/int8_rows.h"
#include "index/kernels/distance_kernels.h"
#include "index/prepared_query.h"

namespace orthant {

// For the time in which one thread computes distances to `rows`: int8 codes and scales that are not in memory are read together.
class ColdInt8Rows {
 public:
  ColdInt8Rows(const Int8Rows& int8, std::span<const Ordinal> rows) : codes_(int8.codes(), rows) {
    if (int8.scales() != nullptr) scales_.emplace(*int8.scales(), rows);
  }

 private:
  const ColdRows codes_;
  std::optional<ColdRows> scales_;
};

// int8 codes against the query's int8 form. Not for kManhattan, which no dot product gives.
class Int8Distances {
 public:
  Int8Distances(const CodeTables& tables, const DistanceKernels& kernels, const PreparedQuery& query)
      : rows_(tables), squared_norms_(tables.squared_norms()), kernels_(kernels), query_(query) {}
  void rows(Ordinal first, std::size_t count, float* out) const;
  void list(std::span<const Ordinal> ordinals, float* out) const;
  ColdInt8Rows cold(std::span<const Ordinal> rows) const { return {rows_, rows}; }

  // Rows have scales: the standard error of a row's distance, which rounding causes on both sides. (Values outside of a
  // dimension's range err by more than rounding.)
  bool knows_errors() const { return rows_.scales() != nullptr; }
  float error(Ordinal ordinal) const;

 private:
  float distance(std::int32_t dot, Ordinal ordinal) const;

  const Int8Rows rows_;
  const RowColumn* squared_norms_;  // Metric::kEuclid
  const DistanceKernels& kernels_;
  const PreparedQuery& query_;
};

// int8 codes, decoded, against the floats of the query: any metric.
class DecodedDistances {
 public:
  DecodedDistances(const CodeTables& tables, const DistanceKernels& kernels, const PreparedQuery& query)
      : rows_(tables), kernels_(kernels), query_(query), buffer_(query.floats.size()) {}
  void rows(Ordinal first, std::size_t count, float* out) const;
  void list(std::span<const Ordinal> ordinals, float* out) const;
  ColdInt8Rows cold(std::span<const Ordinal> rows) const { return {rows_, rows}; }

 private:
  const Int8Rows rows_;
  const DistanceKernels& kernels_;
  const PreparedQuery& query_;
  mutable std::vector<float> buffer_;
};

// Resident floats.
class FloatDistances {
 public:
  FloatDistances(const RowColumn& floats, const DistanceKernels& kernels, const PreparedQuery& query)
      : floats_(floats), kernels_(kernels), query_(query) {}
  void rows(Ordinal first, std::size_t count, float* out) const;
  void list(std::span<const Ordinal> ordinals, float* out) const;

 private:
  const RowColumn& floats_;
  const DistanceKernels& kernels_;
  const PreparedQuery& query_;
};

// Float rows that stand one after another in memory, as the store gives them.
void float_distances(const DistanceKernels& kernels, const PreparedQuery& query, const float* rows, std::size_t count, float* out);

}  // namespace orthant
