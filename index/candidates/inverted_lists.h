#pragma once
// Inverted lists: candidates from the lists whose centroids are nearest to the query (CandidateSource), the source that needs least
// memory: it holds codes of its own (list_segment.h), about 115 bytes a row at 384 dimensions, and reads the tables' int8 codes
// only when it is built, so these may live on disk (CodeResidency::kDisk). Each row stands in up to two lists (list_assignment.h),
// and distances are estimates from residual codes (residual_code.h), finer than those of the tables' 1-bit codes.
//
// Rows that arrive make segments, of which small neighbours are merged, so that there are few, each at least four times as large as
// the next. Not for Metric::kManhattan, which no dot product gives, nor for VectorForm::kUbinary.
//
// Measured choices and what was rejected: docs/decisions/0005-inverted-lists.md. Threads as CandidateSource says.

#include <memory>
#include <string_view>

#include "index/candidates/candidate_source.h"
#include "index/code_tables.h"
#include "index/index_config.h"

namespace orthant {

struct ListOptions {
  std::size_t list_count = 0;  // 0: by the number of rows when the centroids are trained
};

constexpr bool lists_serve(const IndexConfig& config) {
  return config.metric != Metric::kManhattan && config.form != VectorForm::kUbinary;
}

// Empty lists over the rows of `tables`; both outlive them. lists_serve(config) holds. The first extend() trains the centroids.
// They are outgrown (is_outgrown()) at four times as many rows.
std::unique_ptr<CandidateSource> make_lists(const IndexConfig& config, const CodeTables& tables, const ListOptions& options = {});

// Lists as parameters() described them. Their columns() have memory; the caller fills them and calls finish_load(). The tables have
// published all rows that they cover. data_corruption when the parameters are damaged or made for another configuration.
Result<std::unique_ptr<CandidateSource>> load_lists(const IndexConfig& config, const CodeTables& tables,
                                                    std::string_view parameters);

}  // namespace orthant
