#pragma once
// SampledQueries: queries to measure an index with, made from its own rows. Rows drawn at random come first as they are, then
// again, moved. Users' queries lie farther from the rows than the rows from each other: rows moved by noise of 0.8 of the spread of
// each dimension need the depths of real queries. The claims of SciFact against its abstracts have 99 percent of the true
// neighbours in the first 82 by estimate and 99.5 percent in the first 116; rows need 45 and 59, moved rows 86 and 103. Rows as
// they are count too, and the deeper result is taken: the nearer the neighbours, the more the precision of codes matters.

#include <cstddef>
#include <random>
#include <span>
#include <vector>

#include "base/result.h"
#include "index/search_run.h"

namespace orthant {

struct SampledQueries {
  std::vector<Ordinal> rows;   // the row that a query was made from, which is not to count among its neighbours
  std::vector<float> vectors;  // rows.size() x dim, in the form of stored vectors; the second half are the moved ones

  std::size_t size() const { return rows.size(); }
  std::span<const float> vector(std::size_t query) const {
    const std::size_t dim = vectors.size() / rows.size();
    return std::span(vectors).subspan(query * dim, dim);
  }
};

// At most 2 * `row_count` queries from the rows of the mask; rows that vanish from the store meanwhile are left out.
Result<SampledQueries> sample_queries(const IndexParts& parts, const RowMask& mask, std::size_t row_count, std::mt19937_64& random);

}  // namespace orthant
