#pragma once
// Graph: candidates by walking from row to row (CandidateSource). One layer; each row has up to `degree` neighbours, chosen by
// robust pruning (graph_builder.h); walks begin at landmarks (graph_landmarks.h) and compare rows by 1-bit codes only, of which the
// graph keeps a copy that lies row by row (graph_rows.h). The caller rescores what it gets. Not for Metric::kManhattan, which no
// dot product gives, nor for indexes without 1-bit codes.
//
// Measured choices and what was rejected: docs/decisions/0004-graph.md. Threads as CandidateSource says.

#include <memory>
#include <string_view>

#include "index/candidates/candidate_source.h"
#include "index/candidates/graph_builder.h"
#include "index/code_tables.h"
#include "index/index_config.h"
#include "index/quantizer.h"

namespace orthant {

// An empty graph over the rows of `tables`, which has bits and int8 codes; `tables` and `quantizer` outlive it.
std::unique_ptr<CandidateSource> make_graph(const IndexConfig& config, const CodeTables& tables, const BinaryQuantizer& quantizer,
                                            const GraphOptions& options = {});

// A graph as parameters() described it. Its columns() have memory; the caller fills them and calls finish_load(). The tables have
// published all rows that it covers. data_corruption when the parameters are damaged.
Result<std::unique_ptr<CandidateSource>> load_graph(const IndexConfig& config, const CodeTables& tables,
                                                    const BinaryQuantizer& quantizer, std::string_view parameters);

}  // namespace orthant
