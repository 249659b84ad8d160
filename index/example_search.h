#pragma once
// Searching by example: the rows with the best scores, where a score follows from the similarities to several examples and no
// single vector stands for them (index/example_score.h). Free function over the parts of an index; any thread.
//
// The scores of near rows say nothing about those of far ones (a row far from a target may be the best of its side), so no
// candidate source can serve: every allowed row is looked at. By its floats while the index searches exactly, else by its int8
// codes, and the best of those are scored again by their floats.

#include <cstddef>
#include <span>
#include <vector>

#include "index/example_score.h"
#include "index/prepared_query.h"
#include "index/row_mask.h"
#include "index/search_run.h"

namespace orthant {

struct ExampleSearch {
  const ExampleScore& score;
  std::span<const PreparedQuery> examples;  // with their int8 forms
  std::size_t limit = 0;
  std::size_t depth = 0;  // rows that the codes hand on; 0: floats alone
};

// Best first, equal scores by ascending ordinal. invalid_argument where there are neither floats nor int8 codes.
Result<std::vector<ScoredOrdinal>> search_by_examples(const IndexParts& parts, const ExampleSearch& search, const RowMask& mask);

}  // namespace orthant
