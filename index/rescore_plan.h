#pragma once
// RescorePlan: the stages of one search and how many candidates pass each. The only place where depths are decided. Values and free
// functions, any thread.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "index/index_config.h"
#include "index/vector_index.h"

namespace orthant {

enum class FirstStage : std::uint8_t {
  kFloat = 0,     // exact scan of floats
  kInt8 = 1,      // int8 codes on both sides
  kEstimate = 2,  // float query against 1-bit codes
  kHamming = 3,   // bits on both sides
};

enum class LastStage {
  kNone,
  kFloat,    // floats, resident or read from the store
  kDecoded,  // int8 codes against the query's floats: as exact as codes brought by users allow
};

// A margin does what a depth alone cannot: go deep for queries with many near rows, and stop early for the others. Let d be the
// distance of the limit-th nearest by the finer representation among those rescored first. A candidate whose coarse distance
// lies more than the margin behind d is not rescored. Margins are relative to the norm of the query, as the errors of the codes
// are.
inline constexpr float kNoMargin = std::numeric_limits<float>::infinity();

struct RescorePlan {
  FirstStage first = FirstStage::kFloat;
  // Of the candidate source, which then serves the rows that it covers. 0: all rows are scanned.
  std::size_t effort = 0;
  std::size_t first_depth = 0;  // candidates that the first stage hands on at most
  float first_margin = kNoMargin;
  std::size_t int8_depth = 0;  // candidates that int8 rescoring hands on at most; 0: no such stage
  float int8_margin = kNoMargin;
  LastStage last = LastStage::kNone;
  std::size_t limit = 0;
  // The depth was stated by the caller: without a margin the first stage's candidates are all rescored. Else rescoring stops by the
  // error bound of the codes (search_run.cpp).
  bool whole_depth = false;
};

// Depths as multiples of the limit, measured at limit 10.
struct StageDepths {
  FirstStage first = FirstStage::kEstimate;
  double first_oversampling = 20;
  float first_margin = kNoMargin;
  double int8_oversampling = 3;
  float int8_margin = kNoMargin;
};

// How a candidate source reaches a target.
struct SourcePlan {
  std::size_t effort = 0;  // 0: it does not reach the target
  double cost = 0;         // of a search with this effort, in rows of a 1-bit scan that take as long
  StageDepths depths;
};

// What calibration measured: the depths that reach each target, ascending by target. Before the first calibration: depths that are
// safe for sentence embeddings.
struct CalibratedDepths {
  struct Entry {
    double target_recall = 1;
    StageDepths depths;  // after a scan
    SourcePlan source;
  };
  std::size_t row_count = 0;      // rows of the sample that was measured; 0: not measured
  std::size_t index_rows = 0;     // rows that the index had then
  std::size_t covered_count = 0;  // rows that the source covered when it was measured; 0: it was not
  std::vector<Entry> entries;

  // The first entry that reaches the target. A target beyond all of them needs exact search.
  StageDepths depths_for(double target_recall) const;
  SourcePlan source_plan_for(double target_recall) const;
  // That entry's target; nothing where no entry reaches the target.
  std::optional<double> entry_for(double target_recall) const;
};

// The effort of a plan, brought to the rows that the source covers now; at limit 10.
std::size_t grown_effort(const CalibratedDepths& calibrated, const SourcePlan& plan, std::size_t covered_count);

struct PlanFacts {
  std::size_t row_count = 0;
  std::size_t eligible_count = 0;  // rows that the search may return
  bool exact_is_cheap = false;     // all floats are small and in memory
  std::size_t covered_count = 0;   // rows that the candidate source covers; 0: there is none
};

// invalid_argument when the stages asked for do not exist for this form or metric. `trace` may be null: else it is told why.
Result<RescorePlan> make_rescore_plan(const IndexConfig& config, const SearchParams& params, const CalibratedDepths& calibrated,
                                      const PlanFacts& facts, PlanTrace* trace = nullptr);

}  // namespace orthant
