#pragma once
// PartialSource: a candidate source for tests whose recall is known: with effort e it finds e percent of the covered rows, and
// looks at ten rows for each percent.

#include <algorithm>
#include <vector>

#include "index/candidates/candidate_source.h"
#include "index/candidates/flat_scan.h"
#include "index/search_run.h"

namespace orthant::test {

class PartialSource : public CandidateSource {
 public:
  PartialSource(const CodeTables& tables, const DistanceKernels& kernels, Ordinal covered)
      : tables_(tables), kernels_(kernels), covered_(covered) {}

  static bool is_found(Ordinal ordinal, std::size_t effort) { return ordinal * 2'654'435'761u % 100 < effort; }

  std::string_view name() const override { return "partial"; }
  Ordinal covered_count() const override { return covered_; }
  std::vector<Candidate> candidates(const PreparedQuery& query, const RowMask& mask, std::size_t depth, std::size_t effort,
                                    SourceTrace* trace) const override {
    if (trace != nullptr) *trace = {.visited = 0, .compared = 10 * effort};
    std::vector<Candidate> found = FlatScan(tables_, kernels_, mask, with_estimate_tables(query)).estimates(covered_);
    std::erase_if(found, [&](const Candidate& row) { return row.ordinal >= covered_ || !is_found(row.ordinal, effort); });
    std::ranges::sort(found, [](const Candidate& a, const Candidate& b) { return a.distance < b.distance; });
    found.resize(std::min(found.size(), depth));
    return found;
  }
  std::size_t smallest_effort() const override { return 1; }
  std::size_t largest_effort() const override { return 100; }
  Status extend(Ordinal end, ThreadPool*, const std::atomic<bool>&) override {
    covered_ = end;
    return {};
  }
  std::size_t stale_count() const override { return 0; }
  Status repair(ThreadPool*, const std::atomic<bool>&) override { return {}; }
  std::size_t memory_bytes() const override { return 0; }
  std::string parameters() const override { return {}; }
  std::vector<SourceColumn> columns() override { return {}; }

 private:
  const CodeTables& tables_;
  const DistanceKernels& kernels_;
  Ordinal covered_;
};

}  // namespace orthant::test
