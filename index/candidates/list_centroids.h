#pragma once
// ListCentroids: the centroids of inverted lists. A centroid *is* its int8 code (rows are coded relative to the decoded values, and
// queries are compared with them), so that coding it loses nothing. Beside the int8 codes stand 1-bit codes relative to the mean of
// all centroids: ranking scans those, then compares the best in int8; with thousands of lists that takes some microseconds.
// Immutable once made (or loaded); any thread.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned_array.h"
#include "base/result.h"
#include "index/kernels/distance_kernels.h"
#include "index/look_up_tables.h"
#include "index/row_column.h"
#include "index/scalar_quantizer.h"

namespace orthant {

struct RankedList {
  float distance;  // what they are ranked by
  float dot;       // of vector and centroid
  std::uint32_t list;
};

enum class ListOrder {
  kDot,     // distance: the negated dot product
  kEuclid,  // distance: |c|^2 - 2 <v, c>, the squared distance without |v|^2
};

// A vector in the forms that ranking needs.
struct CentroidQuery {
  CentroidQuery() = default;
  explicit CentroidQuery(std::span<const float> vector);
  LookUpTables tables;  // of the negated vector
  QuantizedQuery int8;
};

class ListCentroids {
 public:
  // Memory for `count` centroids; the caller fills the columns and calls finish_load().
  ListCentroids(std::size_t dim, std::size_t count, const DistanceKernels& kernels);
  // `centroids`: n x dim floats.
  ListCentroids(std::size_t dim, std::span<const float> centroids, const DistanceKernels& kernels);

  std::size_t count() const { return count_; }
  void decode(std::uint32_t list, std::span<float> out) const;
  float squared_norm(std::uint32_t list) const { return norms_.row_as<const float>(list)[0]; }

  // The nearest `depth` lists; the nearest stands first, many more stand in about their order. 1-bit codes preselect somewhat more
  // than twice as many.
  std::vector<RankedList> nearest(const CentroidQuery& query, ListOrder order, std::size_t depth) const;
  // Dot products of any int8 query with some centroids, in place of their `dot`.
  void compare(const QuantizedQuery& query, std::span<RankedList> lists) const;

  std::size_t memory_bytes() const;
  // What snapshots hold: int8 codes and one float scale a centroid.
  RowColumn& codes() { return codes_; }
  RowColumn& scales() { return scales_; }
  // Makes the rest from them; data_corruption when a scale is not one.
  Status finish_load();

 private:
  void make_bits();
  void prefetch(std::uint32_t list) const;
  // About the nearest `depth` of all lists by their 1-bit codes.
  std::vector<Candidate> preselect(const CentroidQuery& query, ListOrder order, std::size_t depth) const;

  const std::size_t dim_;
  const std::size_t count_;
  const std::size_t code_bytes_;
  const DistanceKernels* kernels_;
  RowColumn codes_;                  // dim bytes, offset by 128
  RowColumn scales_;                 // a float
  RowColumn norms_;                  // a float: |c|^2
  AlignedArray<std::uint8_t> bits_;  // blocks
  AlignedArray<float> bit_scales_;
  AlignedArray<float> dot_offsets_;     // for ListOrder::kDot
  AlignedArray<float> euclid_offsets_;  // for ListOrder::kEuclid, with |c|^2 in it
};

}  // namespace orthant
