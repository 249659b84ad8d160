#pragma once
// GraphBuilder: links rows into a graph, and links buried rows out of it. A new row is searched for like a query, the best rows
// that the search met are compared by int8 codes, prune() chooses the neighbours among them, and each neighbour links back; a list
// that is full is pruned to three quarters; a lean one, which is short, keeps as many as it has slots. Source: Vamana (Subramanya
// et al., DiskANN, 2019; deletions: Singh et al., FreshDiskANN, 2021); inserted concurrently as hnswlib does, so rows of one batch
// see each other.
//
// Threads: link() and link_around() from several threads at once, for different rows. A view over parts that outlive it.

#include <span>

#include "base/bitmap.h"
#include "index/candidates/graph_landmarks.h"
#include "index/candidates/graph_rows.h"
#include "index/candidates/row_geometry.h"
#include "index/kernels/dispatch.h"
#include "index/quantizer.h"

namespace orthant {

struct GraphOptions {
  std::size_t degree = 48;  // slots of a list
  bool lean = false;        // lean lists (graph_rows.h), whose degree follows from their bytes
  // Width of the search for a new row's neighbours among few rows, and among many; as many of those that it met, the nearest, are
  // what prune() chooses among.
  std::size_t smallest_beam = 96;
  std::size_t build_beam = 160;
  float alpha = 1.06f;          // of prune(), over squared distances
  std::size_t plane_count = 4;  // bits of a query's weights while building and searching
};

// For codes on disk. Short lists have to be chosen with more care: from more candidates, and spread less wide.
inline constexpr GraphOptions kLeanGraph = {.lean = true, .smallest_beam = 160, .build_beam = 240, .alpha = 1.02f};

// The width of the search for the neighbours of a row that is linked with `rows` others: a narrow one loses nothing while they are
// few. Measured: docs/decisions/0004-graph.md.
std::size_t beam_among(const GraphOptions& options, std::size_t rows);

class GraphBuilder {
 public:
  GraphBuilder(const CodeTables& tables, const BinaryQuantizer& quantizer, Metric metric, const GraphOptions& options,
               GraphRows& rows, const GraphLandmarks& landmarks);

  // Links row `ordinal`, whose list is empty, with rows below `end`.
  void link(Ordinal ordinal, Ordinal end);
  // Replaces the neighbours of a row that are in `gone` by rows from their lists; searches for others where too few are left. Rows
  // in `gone` still have their lists.
  void link_around(Ordinal ordinal, Ordinal end, const Bitmap& gone);

 private:
  class Workspace;

  void find_candidates(Ordinal ordinal, Ordinal end, Workspace& workspace);
  void set_list(Ordinal ordinal, Workspace& workspace);
  bool replace_gone(Ordinal ordinal, Ordinal end, const Bitmap& gone, Workspace& workspace);
  void link_back(Ordinal from, Ordinal to, Workspace& workspace);

  const CodeTables& tables_;
  const Int8Rows int8_;
  const BinaryQuantizer& quantizer_;
  const Metric metric_;
  const GraphOptions options_;
  GraphRows& rows_;
  const GraphLandmarks& landmarks_;
};

}  // namespace orthant
