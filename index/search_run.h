#pragma once
// Running a RescorePlan: first stage, int8 rescoring, float rescoring. Free functions over the parts of an index; any thread.

#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "index/candidates/candidate_source.h"
#include "index/code_tables.h"
#include "index/float_vectors.h"
#include "index/prepared_query.h"
#include "index/rescore_plan.h"
#include "index/row_mask.h"

namespace orthant {

// What a search reads. All outlive it. `quantizer` is null for forms without 1-bit codes of our own, `stored` for forms without
// floats.
struct IndexParts {
  const IndexConfig& config;
  const CodeTables& tables;
  const DistanceKernels& kernels;
  const BinaryQuantizer* quantizer = nullptr;
  const FloatVectors* stored = nullptr;
  const CandidateSource* source = nullptr;  // null: there is none
  ThreadPool* helpers = nullptr;            // threads that may help with a large scan; null: none
};

QueryForms forms_for(const RescorePlan& plan, const IndexConfig& config);

// The nearest plan.limit rows of the mask, nearest first, equal distances by ascending ordinal. Distances are those of the last
// stage that ran: the metric's (row_distances.h), or differing bits when FirstStage::kHamming was the only one. A row whose floats
// are gone from the store, because it was replaced while the search ran, is left out. io_error and such come from the store.
Result<std::vector<Candidate>> run_plan(const IndexParts& parts, const RescorePlan& plan, const PreparedQuery& query,
                                        const RowMask& mask, SearchTrace* trace);

// The same of each query, prepared with forms_for(plan). Where the first stage scans 1-bit codes, one pass serves several queries.
Result<std::vector<std::vector<Candidate>>> run_plan_for_all(const IndexParts& parts, const RescorePlan& plan,
                                                             std::span<const PreparedQuery> queries, const RowMask& mask);

// The score that users of the metric see.
float score_of(const IndexConfig& config, const RescorePlan& plan, std::size_t code_dims, float distance);

}  // namespace orthant
