#pragma once
// MultiCodes: the vectors of all rows as int8 codes with a scale each (scalar_quantizer.h), and estimates of max_sim by them.
//
// Threads: append() from one writer; everything const from any thread beside it, for vectors that were published to it.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "index/index_config.h"
#include "index/row_column.h"
#include "index/scalar_quantizer.h"

namespace orthant {

// The vectors of one row: consecutive numbers.
struct VectorRun {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

// The similarity of a row, and how far off it may be: six standard deviations of the sum, taking the rounding errors of single
// numbers for independent and evenly spread (Bennett, 1948), as they are unless vectors were made to defeat it.
struct SimilarityEstimate {
  float similarity = 0;
  float margin = 0;
};

// max_sim: for each vector of `query` (n x dim) the best similarity to any of `vectors` (m x dim), summed up. Similarities are dot
// products, or Euclidean (squared) and Manhattan distances negated. `scratch` is the caller's, so that calls need not allocate.
double max_sim(Metric metric, std::size_t dim, std::span<const float> query, std::span<const float> vectors,
               std::vector<float>& scratch);

class MultiCodes {
 public:
  MultiCodes(std::size_t dim, Metric metric);

  // What all rows of a search need of the query (n x dim). Keeps a reference to its values.
  struct Query {
    std::span<const float> values;
    std::vector<QuantizedQuery> vectors;
    std::vector<float> squares;  // of the norms
    float square_sum = 0;
    double error_square_sum = 0;  // of what quantization changed, a dimension
  };
  Query prepare(std::span<const float> query) const;

  // What one thread needs while it estimates; grows to what the largest row takes.
  struct Scratch {
    std::vector<std::int32_t> dots;
    std::vector<float> decoded;
    std::vector<float> distances;
  };

  // Writer: room for vectors [0, count), then vectors [first, ...).
  Status reserve(std::size_t count);
  void append(std::size_t first, std::span<const float> vectors);

  SimilarityEstimate estimate(const Query& query, VectorRun run, Scratch& scratch) const;

  std::size_t memory_bytes(std::size_t vectors) const { return codes_.memory_bytes(vectors) + factors_.memory_bytes(vectors); }

 private:
  struct Factors {
    float scale = 0;
    float square = 0;  // of the norm
  };

  double estimate_by_dots(const Query& query, VectorRun run, Scratch& scratch) const;
  double estimate_decoded(const Query& query, VectorRun run, Scratch& scratch) const;
  float margin_of(const Query& query, VectorRun run, double similarity) const;

  const std::size_t dim_;
  const Metric metric_;
  RowColumn codes_;
  RowColumn factors_;
};

}  // namespace orthant
