#pragma once
// CandidateSource: a structure over the rows of an index that finds the candidates of a query without looking at every row: a
// graph, or inverted lists. It covers the rows [0, covered_count()); the caller scans the rest, so searches are complete while the
// structure is still being built. Rows keep their ordinals; buried rows stay in until repair() and are kept out of results by the
// mask.
//
// Distances are the quantizer's estimate of the metric's distance, as FlatScan::estimates() gives them, so that candidates of both
// mix. How hard a search tries is one number, the effort (the beam width of a graph, the probed lists); calibration finds the
// effort that reaches a recall.
//
// Threads: everything const from any number of threads, at any time. extend() and repair() from one builder at a time, beside
// searches and beside the writer that appends to the tables.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "index/index_config.h"
#include "index/kernels/distance_kernels.h"
#include "index/prepared_query.h"
#include "index/row_column.h"
#include "index/row_mask.h"

namespace orthant {

// What one search did, for "explain".
struct SourceTrace {
  std::size_t visited = 0;   // graph: rows expanded; lists: lists read
  std::size_t compared = 0;  // rows whose distance was estimated
};

// A part of the structure as a snapshot stores it: the first `rows` rows of the column.
struct SourceColumn {
  std::uint32_t number = 0;  // of the structure's own numbering, never renumbered
  RowColumn* column = nullptr;
  std::size_t rows = 0;
};

class CandidateSource {
 public:
  // A list that is read whole, or a row whose neighbours are fetched from all over memory.
  static constexpr double kVisitCost = 200;

  virtual ~CandidateSource() = default;

  virtual std::string_view name() const = 0;  // "graph", "lists"
  virtual Ordinal covered_count() const = 0;

  // The nearest `depth` rows that it finds with this effort among the covered rows of the mask, in no order, each once; fewer where
  // the mask lets fewer through. `query` was prepared with QueryForms::weights. `trace` may be null.
  virtual std::vector<Candidate> candidates(const PreparedQuery& query, const RowMask& mask, std::size_t depth, std::size_t effort,
                                            SourceTrace* trace) const = 0;
  // The smallest and the largest effort that make sense. Twice the effort never finds less, and costs about twice the time.
  virtual std::size_t smallest_effort() const = 0;
  virtual std::size_t largest_effort() const = 0;

  // Of the `depth` candidates that a plan asks for, how many are worth it with this effort: what the beam of a graph meets beyond
  // its width it meets by chance, and sorting it out costs as much as the walk.
  virtual std::size_t useful_depth(std::size_t depth, std::size_t) const { return depth; }

  // Its estimates come from codes of its own, which tell more than, or less than, those that scans read.
  virtual bool has_own_codes() const { return false; }

  // Of the misses that a target allows, what calibration keeps unused: its queries are rows of the source, or near to some, which a
  // source may find more easily than others.
  virtual double spared_misses() const { return 0.15; }

  // What a search with this trace costs, in rows of a 1-bit scan that take as long.
  virtual double cost(const SourceTrace& trace) const {
    return static_cast<double>(trace.compared) + kVisitCost * static_cast<double>(trace.visited);
  }

  // Takes the rows [covered_count(), end) in, in parallel on `pool` (may be null), publishing progress as it goes. Ends early, and
  // well, when `stop` is set.
  virtual Status extend(Ordinal end, ThreadPool* pool, const std::atomic<bool>& stop) = 0;
  // The rows have become so many, or so different, that a new source over all of them would serve better.
  virtual bool is_outgrown() const { return false; }
  // Buried rows that still cost searches.
  virtual std::size_t stale_count() const = 0;
  // Takes them out of the ways of searches.
  virtual Status repair(ThreadPool* pool, const std::atomic<bool>& stop) = 0;

  virtual std::size_t memory_bytes() const = 0;

  // Its columns say nothing about the codes of the index: a source over the same rows with other codes may take them.
  virtual bool outlives_codes() const { return false; }

  // ---- snapshots ---- (not beside extend() or repair())
  // What describes the structure besides its columns.
  virtual std::string parameters() const = 0;
  virtual std::vector<SourceColumn> columns() = 0;
  // The columns were read; what was made for that alone may go.
  virtual void release_columns() {}
  // For a loader, once it has filled the columns of a structure made from parameters: checks them and makes what is not stored.
  // data_corruption when they are damaged; the structure is of no use then.
  virtual Status finish_load() { return {}; }
};

}  // namespace orthant
